"""One feature's bins: where each value falls, what to call the bin, and which values were never seen."""

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
FEW_VALUES = 60  # a number with no more distinct values, such as a year, gets a bin for each
MIN_SHARE = 0.004  # of the rows; rarer values share a bin
MAX_WORDS = 40
WITH_COMMAS = 10_000  # years come without
SEEN = 2  # rows; a word seen once may be a slip of the pen, and counts as unseen


@dataclass(frozen=True, kw_only=True)
class NumberBins:
    """Bins between edges; a value on an edge belongs to the bin above it."""

    edges: tuple[float, ...]
    is_ordered = True

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What to call each bin."""
        if not self.edges:
            return ("any",)
        edges = [_written(edge) for edge in self.edges]
        inner = (f"{low} to {high}" for low, high in pairwise(edges))
        return (f"below {edges[0]}", *inner, f"{edges[-1]} and more")

    def codes(self, values: pl.Series) -> Codes:
        """Give each value's bin; the number of bins stands for a missing one. Numbers are never unseen."""
        numbers = values.cast(pl.Float64).to_numpy()
        found = np.searchsorted(self.edges, numbers, side="right").astype(np.int64)
        found[np.isnan(numbers)] = len(self.labels)
        return found


@dataclass(frozen=True, kw_only=True)
class WordBins:
    """A bin for each frequent word, and one for all other words that the reference has seen."""

    frequent: tuple[str, ...]
    rare: frozenset[str]
    is_ordered = False

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What to call each bin."""
        return (*self.frequent, "(rare)")

    @cached_property
    def _bin(self) -> Mapping[str, int]:
        frequent = {word: number for number, word in enumerate(self.frequent)}
        return dict.fromkeys(self.rare, len(self.frequent)) | frequent

    def codes(self, values: pl.Series) -> Codes:
        """Give each word's bin; the number of bins stands for a missing one, one more for an unseen one."""
        missing, unseen = len(self.labels), len(self.labels) + 1
        bins, words = (
            self._bin,
            values.to_list(),
        )  # a few hundred words: quicker than a join that is set up anew
        found = (missing if word is None else bins.get(word, unseen) for word in words)
        return np.fromiter(found, np.int64, count=len(words))


Bins = NumberBins | WordBins


def fit_bins(values: pl.Series) -> Bins:
    """Cut bins that fit the values of a reference."""
    if values.dtype.is_numeric():
        return NumberBins(edges=_edges(values.drop_nulls().to_numpy().astype(np.float64)))
    counts = values.drop_nulls().value_counts(sort=True).filter(pl.col("count") >= SEEN)
    often = counts.filter(pl.col("count") >= MIN_SHARE * len(values))[values.name].to_list()[:MAX_WORDS]
    return WordBins(frequent=tuple(often), rare=frozenset(counts[values.name].to_list()) - frozenset(often))


def _edges(values: Floats) -> tuple[float, ...]:
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) > FEW_VALUES:
        return _as_edges(np.quantile(values, np.arange(1, QUANTILES) / QUANTILES))
    # the last edge lies above all that was seen: a model year newer than the reference shows at once
    return _as_edges([*distinct[counts >= MIN_SHARE * len(values)], distinct[-1] + 1])


def _written(number: float) -> str:
    return f"{number:,.6g}" if number >= WITH_COMMAS else f"{number:.4g}"


def _as_edges(values: Sequence[float] | Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in np.unique(values))
