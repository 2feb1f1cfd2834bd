"""The bins of one feature: assign values to bins and recognize values that the reference does not contain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

QUANTILES = 10
MAX_DISTINCT = 60  # a number with at most this many distinct values, such as a year, gets a bin for each
MIN_SHARE = 0.004  # of the rows; rarer values share a bin
MAX_CATEGORIES = 40
MIN_COUNT = 2  # rows; a category seen once may be a typing error and counts as unseen
MIN_WITH_COMMAS = 10_000  # smaller numbers, such as years, are formatted without commas


@dataclass(frozen=True, kw_only=True)
class NumberBins:
    """The bins of a number. A value on an edge belongs to the bin above it.

    Attributes:
        edges: The edges between the bins, ascending; one fewer than there are bins.
    """

    edges: tuple[float, ...]
    is_ordered = True

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A label for each bin."""
        if not self.edges:
            return ("any",)
        edges = [_format_edge(edge) for edge in self.edges]
        inner = (f"{low} to {high}" for low, high in pairwise(edges))
        return (f"below {edges[0]}", *inner, f"{edges[-1]} and more")

    def codes(self, values: pl.Series) -> Codes:
        """Return the bin of each value. Numbers are never unseen.

        Args:
            values: Numbers, with nulls where they are missing.

        Returns:
            Bin numbers, shape (rows,); the number of bins stands for a missing value.
        """
        numbers = values.cast(pl.Float64).to_numpy()
        codes = np.searchsorted(self.edges, numbers, side="right").astype(np.int64)
        codes[np.isnan(numbers)] = len(self.labels)
        return codes


@dataclass(frozen=True, kw_only=True)
class CategoryBins:
    """The bins of a category: one for each frequent value, and one for all rare values of the reference.

    Attributes:
        frequent: The values with a bin of their own, the most frequent first.
        rare: The other values that the reference contains.
    """

    frequent: tuple[str, ...]
    rare: frozenset[str]
    is_ordered = False

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A label for each bin."""
        return (*self.frequent, "(rare)")

    @cached_property
    def _bin_of_value(self) -> Mapping[str, int]:
        frequent = {value: number for number, value in enumerate(self.frequent)}
        return dict.fromkeys(self.rare, len(self.frequent)) | frequent

    def codes(self, values: pl.Series) -> Codes:
        """Return the bin of each value.

        Args:
            values: Texts, with nulls where they are missing.

        Returns:
            Bin numbers, shape (rows,); the number of bins stands for a missing value, one more for an unseen
            value.
        """
        missing, unseen = len(self.labels), len(self.labels) + 1
        # for a few hundred values a dictionary is faster than a join
        bins, texts = self._bin_of_value, values.to_list()
        codes = (missing if text is None else bins.get(text, unseen) for text in texts)
        return np.fromiter(codes, np.int64, count=len(texts))


Bins = NumberBins | CategoryBins


def fit_bins(values: pl.Series) -> Bins:
    """Fit bins to the values of a reference.

    Args:
        values: Numbers or texts, shape (rows,), with nulls where they are missing.

    Returns:
        Deciles for a number with many distinct values, otherwise a bin for each frequent value.

    >>> bins = fit_bins(pl.Series("fuel", ["gas"] * 60 + ["diesel"] * 40))
    >>> bins.labels
    ('gas', 'diesel', '(rare)')
    >>> bins.codes(pl.Series(["diesel", None, "hydrogen"])).tolist()  # diesel, missing, unseen
    [1, 3, 4]
    >>> fit_bins(pl.Series("year", [2019, 2020, 2020])).labels
    ('below 2019', '2019 to 2020', '2020 to 2021', '2021 and more')
    >>> fit_bins(pl.Series("doors", [None, None], dtype=pl.Int64)).labels  # the reference has no value
    ('any',)
    """
    if values.dtype.is_numeric():
        return NumberBins(edges=_edges(values.drop_nulls().to_numpy().astype(np.float64)))
    counts = values.drop_nulls().value_counts(sort=True).filter(pl.col("count") >= MIN_COUNT)
    is_frequent = pl.col("count") >= MIN_SHARE * len(values)
    frequent = counts.filter(is_frequent)[values.name].to_list()[:MAX_CATEGORIES]
    rare = frozenset(counts[values.name].to_list()) - frozenset(frequent)
    return CategoryBins(frequent=tuple(frequent), rare=rare)


def _edges(values: Floats) -> tuple[float, ...]:
    distinct, counts = np.unique(values, return_counts=True)
    if not len(distinct):
        return ()
    if len(distinct) > MAX_DISTINCT:
        return _as_edges(np.quantile(values, np.arange(1, QUANTILES) / QUANTILES))
    # the last edge lies above all values, so that a model year newer than the reference has its own bin
    return _as_edges([*distinct[counts >= MIN_SHARE * len(values)], distinct[-1] + 1])


def _format_edge(number: float) -> str:
    return f"{number:,.6g}" if number >= MIN_WITH_COMMAS else f"{number:.4g}"


def _as_edges(values: Sequence[float] | Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in np.unique(values))
