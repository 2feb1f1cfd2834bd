"""The profile of a reference: the bins of every feature, their shares, and models for residuals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from carvalue.listings import FIELDS, NumberField
from carvalue.monitoring.drift.bins import Bins, Codes, Floats, fit_bins
from carvalue.monitoring.drift.residuals import ResidualModel, fit_residual_model

OPTIONAL_INPUTS = tuple(field.name for field in FIELDS if not field.required)
"""Fields that people may leave empty."""
MIN_KNOWN = 4  # optional fields, without which a residual says more about the fields than about the car
EFFORT = (1, 2, 3, 4, 6, 8, 10)
"""Borders between the numbers of other optional fields that a request fills in."""
OUTPUTS = ("price", "range_width")
"""The outputs of the model: dollars, and the width of the price range as a share of the price."""
INPUTS = tuple(field.name for field in FIELDS)
RESIDUALS = {"year": "year_level", "price": "price_level"}
"""The names of the residuals that are watched, by feature."""
TITLES = {
    "manufacturer": "make",
    "range_width": "width of the range",
    "year_level": "year relative to similar cars",
    "price_level": "price relative to similar cars, in %",
}
"""The display names of features whose names are not plain English."""
SMOOTHING = 0.5  # rows added to every bin, so that no share is 0
MIN_RATE = 0.002  # of missing and unseen values: a reference without any does not prove a smaller rate


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceProfile:
    """The bins of all features in one row: for each feature its values, then missing, then unseen.

    Attributes:
        bins: Bins by feature, in the order of the columns of `codes`.
        shares: The share of each bin among the feature's present values, shape (bins,); 1 at missing and
            unseen.
        missing: The share of missing values, shape (features,).
        unseen: The share of unseen values, shape (features,).
        residual_models: Models by the name of the residual.
    """

    bins: Mapping[str, Bins]
    shares: Floats
    missing: Floats
    unseen: Floats
    residual_models: Mapping[str, ResidualModel]

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(self.bins)

    @cached_property
    def presence_starts(self) -> Codes:
        """The index of the first count of each optional input's presence, shape (optional inputs,).

        The presence of a field is counted by how many other optional fields the request fills in: people who
        fill in little do so in all fields, and a field that breaks is missing where the others are not.
        """
        strata = 2 * (len(EFFORT) + 1)
        return len(self.shares) + strata * np.arange(len(OPTIONAL_INPUTS), dtype=np.int64)

    @property
    def width(self) -> int:
        """The number of counts: of all bins, and of the presence of the optional inputs."""
        return len(self.shares) + 2 * (len(EFFORT) + 1) * len(OPTIONAL_INPUTS)

    @cached_property
    def code_starts(self) -> Codes:
        """The smallest code in each column of `codes`, shape (features + optional inputs,)."""
        return np.concatenate([self.starts, self.presence_starts])

    @cached_property
    def sizes(self) -> Codes:
        """The number of bins of each feature without missing and unseen, shape (features,)."""
        return np.array([len(bins.labels) for bins in self.bins.values()], dtype=np.int64)

    @cached_property
    def starts(self) -> Codes:
        """The index of the first bin of each feature, shape (features,)."""
        return np.concatenate([[0], np.cumsum(self.sizes + 2)[:-1]]).astype(np.int64)

    @cached_property
    def all_shares(self) -> Floats:
        """The share of each bin among all rows of the reference, shape (bins,)."""
        counts = self.shares.copy()
        for number, (start, size) in enumerate(zip(self.starts, self.sizes, strict=True)):
            counts[start : start + size] *= 1 - self.missing[number] - self.unseen[number]
            counts[start + size : start + size + 2] = self.missing[number], self.unseen[number]
        return counts

    @cached_property
    def ranks(self) -> Floats:
        """The mean rank of each bin among the feature's values in the reference, 0 to 1, shape (bins,)."""
        ranks = np.zeros(len(self.shares))
        for start, size in zip(self.starts, self.sizes, strict=True):
            shares = self.shares[start : start + size]
            ranks[start : start + size] = np.cumsum(shares) - shares / 2
        return ranks

    def codes(self, rows: pl.DataFrame) -> Codes:
        """Assign rows to bins.

        Args:
            rows: The inputs, `price` and `range_width`.

        Returns:
            Bin numbers counted over all features, and the presence of each optional input, shape
            (rows, features + optional inputs).
        """
        rows, columns = prepare(rows), len(INPUTS) + len(OUTPUTS)
        codes = _codes({name: self.bins[name] for name in self.features[:columns]}, rows)
        residuals = [
            self.bins[name].codes(_where_known(rows, model.residuals(rows, codes))) + start
            for (name, model), start in zip(self.residual_models.items(), self.starts[columns:], strict=True)
        ]
        return np.column_stack([codes, *residuals, _presence(rows) + self.presence_starts])


def fit_profile(reference: pl.DataFrame) -> ReferenceProfile:
    """Fit bins, shares and residual models to a reference.

    Args:
        reference: The inputs, `price` (dollars) and `range_width` of each row.

    Returns:
        The profile.

    >>> from carvalue.listings import NumberField
    >>> years = pl.Series("year", [2010, 2020] * 50)
    >>> numbers = [field.name for field in FIELDS if isinstance(field, NumberField)]
    >>> inputs = {name: years if name in numbers else ["a"] * 100 for name in INPUTS}
    >>> reference = pl.DataFrame(inputs).with_columns(
    ...     price=pl.Series([9_000.0, 21_000.0] * 50), range_width=0.5
    ... )
    >>> profile = fit_profile(reference)
    >>> profile.features[-4:]
    ('price', 'range_width', 'year_level', 'price_level')
    >>> profile.codes(reference).shape == (100, len(profile.features) + len(OPTIONAL_INPUTS))
    True
    """
    rows = prepare(reference)
    bins: dict[str, Bins] = {name: fit_bins(rows[name]) for name in (*INPUTS, *OUTPUTS)}
    codes = _codes(bins, rows)
    models = {name: _residual_model(rows, codes, feature=feature) for feature, name in RESIDUALS.items()}
    for name, model in models.items():
        values = _where_known(rows, model.residuals(rows, codes[:, : len(INPUTS)]))
        start = sum(len(item.labels) + 2 for item in bins.values())
        bins[name] = fit_bins(values)
        codes = np.column_stack([codes, bins[name].codes(values) + start])
    return _profile(bins, codes, models)


def prepare(rows: pl.DataFrame) -> pl.DataFrame:
    """Shorten `model` to its first word, and leave out the width of the range for cars that are hardly known.

    With few fields, ranges are wider and residuals larger: they would tell how much people fill in.

    Args:
        rows: The inputs, `price` and `range_width`.

    Returns:
        The frame with both columns replaced.
    """
    width = pl.when(_is_known()).then("range_width").alias("range_width")
    return first_words(rows).with_columns(width)


def first_words(rows: pl.DataFrame) -> pl.DataFrame:
    """Shorten the text of `model` to its first word, because whole texts are nearly all different.

    Args:
        rows: A frame with the column `model`.

    Returns:
        The frame with the column replaced.

    >>> first_words(pl.DataFrame({"model": ["camry le", None]}))["model"].to_list()
    ['camry', None]
    """
    return rows.with_columns(pl.col("model").str.split(" ").list.first())


def _is_known() -> pl.Expr:
    return pl.sum_horizontal(pl.col(OPTIONAL_INPUTS).is_not_null()) >= MIN_KNOWN


def _where_known(rows: pl.DataFrame, values: pl.Series) -> pl.Series:
    return rows.select(pl.when(_is_known()).then(values).alias("values"))["values"]


def _presence(rows: pl.DataFrame) -> Codes:
    """Number the combinations of how much else is filled in and whether the field is, (rows, fields)."""
    given = rows.select(pl.col(OPTIONAL_INPUTS).is_not_null()).to_numpy()
    others = given.sum(axis=1, keepdims=True) - given
    combinations: Codes = 2 * np.digitize(others, EFFORT).astype(np.int64) + ~given
    return combinations


def _codes(bins: Mapping[str, Bins], rows: pl.DataFrame) -> Codes:
    start, columns = 0, []
    for name, item in bins.items():
        columns.append(item.codes(rows[name]) + start)
        start += len(item.labels) + 2
    return np.column_stack(columns)


def _residual_model(rows: pl.DataFrame, codes: Codes, *, feature: str) -> ResidualModel:
    numbers = [field.name for field in FIELDS if isinstance(field, NumberField) and field.name != feature]
    categories = [column for column, name in enumerate(INPUTS) if name not in (*numbers, feature)]
    return fit_residual_model(rows, codes, feature=feature, numbers=numbers, categories=categories)


def _profile(
    bins: Mapping[str, Bins], codes: Codes, residual_models: Mapping[str, ResidualModel]
) -> ReferenceProfile:
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
        missing=np.clip(missing, MIN_RATE, 1 - MIN_RATE),
        unseen=np.clip(unseen, MIN_RATE, 1 - MIN_RATE),
        residual_models=residual_models,
    )
