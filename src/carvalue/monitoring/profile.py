"""A profile of the reference: every feature's bins and shares, and what such a car usually costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.listings.schema import FIELDS
from carvalue.monitoring.bins import Bins, Codes, Floats, bins_of

ANSWERS = ("price", "range_width")
"""What the model answers: dollars, and the range as a share of the price."""
INPUTS = tuple(field.name for field in FIELDS)
LEVEL = "price_level"
"""The price beside what cars like this one cost in the reference: moves with the model, not with the cars."""
SMOOTHING = 0.5  # rows added to every bin, so that none is impossible
LEAST_RATE = 0.002  # of missing and of unseen values: a reference without any proves no smaller one
PRICE_ROUNDS, PRICE_SHRINKAGE = 6, 20.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """Every feature's bins side by side: those of its values, then missing, then unseen.

    Attributes:
        bins: by feature, in the order of the columns of `codes`.
        shares: the reference's share of each bin among a feature's values; 1 at missing and unseen.
        missing: the share of missing values by feature.
        unseen: the share of unseen values by feature.
        worth: what a bin adds to the log price, of the inputs' bins.
        usual: the mean log price.
    """

    bins: Mapping[str, Bins]
    shares: Floats
    missing: Floats
    unseen: Floats
    worth: Floats
    usual: float

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(self.bins)

    @property
    def sizes(self) -> Codes:
        """How many bins of values each feature has."""
        return np.array([len(bins.labels) for bins in self.bins.values()], dtype=np.int64)

    @property
    def starts(self) -> Codes:
        """Where each feature's bins begin."""
        return np.concatenate([[0], np.cumsum(self.sizes + 2)[:-1]]).astype(np.int64)

    def codes(self, rows: pl.DataFrame) -> Codes:
        """Place rows in bins. Shape: (rows, features), numbered over all features.

        Args:
            rows: the inputs, `price` and `range_width`.
        """
        rows = readable(rows)
        codes = _codes({name: self.bins[name] for name in self.features if name != LEVEL}, rows)
        level = self.bins[LEVEL].codes(_level(rows, codes, worth=self.worth, usual=self.usual))
        return np.column_stack([codes, level + self.starts[-1]])


def profile_of(reference: pl.DataFrame) -> Profile:
    """Describe a reference: the inputs, `price` and `range_width` of its rows."""
    rows = readable(reference)
    bins: dict[str, Bins] = {name: bins_of(rows[name]) for name in (*INPUTS, *ANSWERS)}
    codes = _codes(bins, rows)
    size = sum(len(bins[name].labels) + 2 for name in INPUTS)
    worth, usual = _fit_worth(codes[:, : len(INPUTS)], np.log(rows["price"].to_numpy()), size=size)
    level = _level(rows, codes, worth=worth, usual=usual)
    bins[LEVEL] = bins_of(level)
    start = sum(len(item.labels) + 2 for item in bins.values()) - len(bins[LEVEL].labels) - 2
    return _shared(bins, np.column_stack([codes, bins[LEVEL].codes(level) + start]), worth=worth, usual=usual)


def readable(rows: pl.DataFrame) -> pl.DataFrame:
    """Reduce a model's text to its first word: whole texts are nearly all different."""
    return rows.with_columns(pl.col("model").str.split(" ").list.first())


def _codes(bins: Mapping[str, Bins], rows: pl.DataFrame) -> Codes:
    start, columns = 0, []
    for name, item in bins.items():
        columns.append(item.codes(rows[name]) + start)
        start += len(item.labels) + 2
    return np.column_stack(columns)


def _fit_worth(codes: Codes, log_price: Floats, *, size: int) -> tuple[Floats, float]:
    """Fit log price as a sum of the bins' worths, feature after feature, a few times around (backfitting)."""
    usual = float(log_price.mean())
    worth, left = np.zeros(size), log_price - usual
    for _ in range(PRICE_ROUNDS):
        for column in codes.T:
            rows = np.bincount(column, minlength=size)
            step = np.bincount(column, weights=left, minlength=size) / (rows + PRICE_SHRINKAGE)
            worth, left = worth + step, left - step[column]
    return worth, usual


def _level(rows: pl.DataFrame, codes: Codes, *, worth: Floats, usual: float) -> pl.Series:
    of_inputs = worth[codes[:, : len(INPUTS)]].sum(axis=1)
    return pl.Series(LEVEL, np.log(rows["price"].to_numpy()) - usual - of_inputs)


def _shared(bins: Mapping[str, Bins], codes: Codes, *, worth: Floats, usual: float) -> Profile:
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
    return Profile(
        bins=bins,
        shares=shares,
        missing=np.clip(missing, LEAST_RATE, 1 - LEAST_RATE),
        unseen=np.clip(unseen, LEAST_RATE, 1 - LEAST_RATE),
        worth=worth,
        usual=usual,
    )
