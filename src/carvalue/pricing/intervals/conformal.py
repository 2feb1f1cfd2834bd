"""The range that holds the asked price nine times in ten: conformal, by what makes a price uncertain."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from carvalue.pricing.features import OTHER, CategoryCode, FeatureEncoder, Matrix, NameCode, Vocabulary
from carvalue.pricing.intervals.difficulty import (
    MAX_WIDENING,
    DifficultyFactor,
    cut_by_edges,
    cut_by_quantiles,
    fit_difficulty,
    log_sigma,
)

Floats = npt.NDArray[np.float64]
IntervalInputs = dict[str, Floats]

NOMINAL_COVERAGE = 0.9
"""Share of asking prices that a price range should contain; half of the rest lies on either side."""
PRICE = "price"
WORDS = ("make", "region")
BIN_EDGES = (1 / 3, 2 / 3)
MIN_ROWS = 200  # a smaller cell takes the ends of all rows


@dataclass(frozen=True, kw_only=True)
class PriceRange:
    """Where the range ends: the spread of such a car, times that of its cell of price and year third."""

    factors: tuple[DifficultyFactor, ...]
    cells: tuple[DifficultyFactor, ...]
    """Two cuts, by price and by year; their worth is not used."""
    below: tuple[float, ...]
    above: tuple[float, ...]

    def ends(self, seen: IntervalInputs) -> tuple[Floats, Floats]:
        """Say how far the ends are below and above the price. Unit: log dollars."""
        spread = np.exp(log_sigma(self.factors, seen, rows=len(seen[PRICE])))
        cell = _cell(self.cells, seen)
        return spread * self._below[cell], spread * self._above[cell]

    @cached_property
    def _below(self) -> Floats:
        return np.array(self.below)

    @cached_property
    def _above(self) -> Floats:
        return np.array(self.above)

    def recoded(self, *, old: FeatureEncoder, new: FeatureEncoder) -> "PriceRange":
        """Make the factors of words speak the codes of another encoder."""
        known = _vocabularies(old), _vocabularies(new)
        factors = (
            _recoded(item, old=known[0][item.name], new=known[1][item.name]) if item.name in WORDS else item
            for item in self.factors
        )
        return replace(self, factors=tuple(factors))

    def as_json(self) -> dict[str, Any]:
        """Give the tables as JSON's own types."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PriceRange":
        """Read what `as_json` wrote."""
        cuts = {
            name: tuple(DifficultyFactor(**item) for item in content[name]) for name in ("factors", "cells")
        }
        return cls(**cuts, below=tuple(content["below"]), above=tuple(content["above"]))


NO_RANGE = PriceRange(factors=(), cells=(), below=(0.0,), above=(0.0,))  # of a model that is not calibrated


def interval_inputs(encoder: FeatureEncoder, matrix: Matrix, *, log_price: Floats) -> IntervalInputs:
    """Give what the range depends on: the quoted price and the encoded columns, by name."""
    columns = matrix.T.astype(np.float64)
    return {PRICE: log_price} | dict(zip(encoder.names, columns, strict=True))


def calibrate_range(
    errors: Floats,
    *,
    seen: IntervalInputs,
    encoder: FeatureEncoder | None = None,
    coverage: float = NOMINAL_COVERAGE,
) -> PriceRange:
    """Fit the range on errors (log price asked minus log price quoted) of rows the model never saw.

    Each tail of each cell gets its own conformal quantile: asked prices err further downwards than upwards.
    """
    words = _vocabularies(encoder) if encoder else {}
    factors = fit_difficulty(_cuts(seen, words), seen=seen, errors=np.abs(errors))
    factors = tuple(_wider_for_the_unknown(item, words) for item in factors)
    scaled = errors / np.exp(log_sigma(factors, seen, rows=len(errors)))
    cells = tuple(cut_by_quantiles(name, seen[name], bands=3) for name in (PRICE, "year") if name in seen)
    cell, level = _cell(cells, seen), 1 - (1 - coverage) / 2
    count = int(np.prod([len(item.worth) for item in cells]))
    below = tuple(_conformal(_enough(-scaled, cell == i), level) for i in range(count))
    above = tuple(_conformal(_enough(scaled, cell == i), level) for i in range(count))
    return PriceRange(factors=factors, cells=cells, below=below, above=above)


def _cuts(seen: IntervalInputs, words: Mapping[str, Vocabulary]) -> list[DifficultyFactor]:
    cuts = [
        cut_by_quantiles(name, seen[name], bands=bands)
        for name, bands in ((PRICE, 8), ("year", 8), ("odometer", 5))
        if name in seen
    ]
    if "family_rows" in seen:
        cuts.append(cut_by_edges("family_rows", np.log1p([0.5, 4.5, 49.5, 499.5]).tolist()))
    cuts += [cut_by_edges(name, (np.arange(1, len(words[name].words)) - 0.5).tolist()) for name in words]
    return cuts


def _wider_for_the_unknown(factor: DifficultyFactor, words: Mapping[str, Vocabulary]) -> DifficultyFactor:
    """Let a name or a place that nobody has seen have more than the spread of those that were seen."""
    worth = list(factor.worth)
    if factor.name == "family_rows":
        worth[0] = max(worth) + MAX_WIDENING
    if factor.name == "region":  # one region's errors are too few to tell it from another's
        worth = [0.0] * len(worth)
        worth[int(words[factor.name].other)] = MAX_WIDENING
    if factor.name == "make":
        other = int(words[factor.name].other)
        worth[other] = max(worth[other], float(np.mean(worth[:-1])))
    return replace(factor, worth=tuple(worth))


def _cell(cells: tuple[DifficultyFactor, ...], seen: IntervalInputs) -> npt.NDArray[np.int64]:
    place = np.zeros(len(seen[PRICE]), dtype=np.int64)
    for item in cells:
        place = place * len(item.worth) + item.bands(seen[item.name])
    return place


def _enough(scores: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    return scores[inside] if np.count_nonzero(inside) >= MIN_ROWS else scores


def _conformal(scores: Floats, level: float) -> float:
    """Take the order statistic that covers one more row with this probability, whatever the distribution."""
    place = min(ceil((len(scores) + 1) * level), len(scores)) - 1
    return max(float(np.partition(scores, place)[place]), 0.0)


def _vocabularies(encoder: FeatureEncoder) -> dict[str, Vocabulary]:
    return {
        item.name: item.vocabulary
        for item in encoder.features
        if isinstance(item, CategoryCode | NameCode) and item.name in WORDS
    }


def _recoded(factor: DifficultyFactor, *, old: Vocabulary, new: Vocabulary) -> DifficultyFactor:
    worth_of = dict(zip(old.words, factor.worth, strict=False))
    worth = [worth_of.get(word, worth_of[OTHER]) for word in new.words]
    edges = (np.arange(1, len(new.words)) - 0.5).tolist()
    return DifficultyFactor(name=factor.name, edges=tuple(edges), worth=(*worth, factor.worth[-1]))
