"""A profile of the reference: every feature's bins and shares, and what such a car usually costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from carvalue.listings import FIELDS
from carvalue.monitoring.drift.bins import Bins, Codes, Floats, fit_bins
from carvalue.monitoring.drift.residuals import ResidualModel, fit_residual_model

ANSWERS = ("price", "range_width")
"""What the model answers: dollars, and the range as a share of the price."""
INPUTS = tuple(field.name for field in FIELDS)
LEVELS = {"year": "year_level", "price": "price_level"}
"""The levels that are watched, by the feature that each is of."""
TITLES = {
    "manufacturer": "make",
    "range_width": "width of the range",
    "year_level": "year beside what is usual for such a car",
    "price_level": "price beside what is usual for such a car, in %",
}
"""What to call a feature where its name would not tell people."""
SMOOTHING = 0.5  # rows added to every bin, so that none is impossible
LEAST_RATE = 0.002  # of missing and of unseen values: a reference without any proves no smaller one


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceProfile:
    """Every feature's bins side by side: those of its values, then missing, then unseen.

    Attributes:
        bins: by feature, in the order of the columns of `codes`.
        shares: the reference's share of each bin among a feature's values; 1 at missing and unseen.
        missing: the share of missing values by feature.
        unseen: the share of unseen values by feature.
        levels: what features usually are, by the name of the level.
    """

    bins: Mapping[str, Bins]
    shares: Floats
    missing: Floats
    unseen: Floats
    levels: Mapping[str, ResidualModel]

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(self.bins)

    @cached_property
    def sizes(self) -> Codes:
        """How many bins of values each feature has."""
        return np.array([len(bins.labels) for bins in self.bins.values()], dtype=np.int64)

    @cached_property
    def starts(self) -> Codes:
        """Where each feature's bins begin."""
        return np.concatenate([[0], np.cumsum(self.sizes + 2)[:-1]]).astype(np.int64)

    def codes(self, rows: pl.DataFrame) -> Codes:
        """Place rows in bins. Shape: (rows, features), numbered over all features.

        Args:
            rows: the inputs, `price` and `range_width`.
        """
        rows, named = readable(rows), len(INPUTS) + len(ANSWERS)
        codes = _codes({name: self.bins[name] for name in self.features[:named]}, rows)
        levels = [
            self.bins[name].codes(level.of_rows(rows, codes)) + start
            for (name, level), start in zip(self.levels.items(), self.starts[named:], strict=True)
        ]
        return np.column_stack([codes, *levels])


def fit_profile(reference: pl.DataFrame) -> ReferenceProfile:
    """Describe a reference: the inputs, `price` and `range_width` of its rows."""
    rows = readable(reference)
    bins: dict[str, Bins] = {name: fit_bins(rows[name]) for name in (*INPUTS, *ANSWERS)}
    codes = _codes(bins, rows)
    levels = {name: _level(rows, codes, of=of) for of, name in LEVELS.items()}
    for name, level in levels.items():
        values = level.of_rows(rows, codes[:, : len(INPUTS)])
        start = sum(len(item.labels) + 2 for item in bins.values())
        bins[name] = fit_bins(values)
        codes = np.column_stack([codes, bins[name].codes(values) + start])
    return _shared(bins, codes, levels)


def readable(rows: pl.DataFrame) -> pl.DataFrame:
    """Reduce a model's text to its first word: whole texts are nearly all different."""
    return rows.with_columns(pl.col("model").str.split(" ").list.first())


def _codes(bins: Mapping[str, Bins], rows: pl.DataFrame) -> Codes:
    start, columns = 0, []
    for name, item in bins.items():
        columns.append(item.codes(rows[name]) + start)
        start += len(item.labels) + 2
    return np.column_stack(columns)


def _level(rows: pl.DataFrame, codes: Codes, *, of: str) -> ResidualModel:
    known_by = tuple(place for place, name in enumerate(INPUTS) if name != of)
    return fit_residual_model(rows, codes, of=of, known_by=known_by)


def _shared(bins: Mapping[str, Bins], codes: Codes, levels: Mapping[str, ResidualModel]) -> ReferenceProfile:
    sizes = [len(item.labels) for item in bins.values()]
    counts = np.bincount(codes.ravel(), minlength=sum(sizes) + 2 * len(sizes)) + SMOOTHING
    shares, missing, unseen = np.ones(len(counts)), [], []
    start = 0
    for size in sizes:
        values, stop = counts[start : start + size], start + size
        shares[start:stop] = values / values.sum()
        missing.append(counts[stop] / len(codes))
        unseen.append(counts[stop + 1] / len(codes))
        start = stop + 2
    return ReferenceProfile(
        bins=bins,
        shares=shares,
        missing=np.clip(missing, LEAST_RATE, 1 - LEAST_RATE),
        unseen=np.clip(unseen, LEAST_RATE, 1 - LEAST_RATE),
        levels=levels,
    )
