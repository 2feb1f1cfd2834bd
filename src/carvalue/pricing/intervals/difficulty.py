"""How far asked prices scatter about quotes: a factor for each thing that makes a price uncertain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PRIOR_ROWS = 50.0  # a band of so many rows is believed half
SWEEPS = 5
MAX_WIDENING = 0.1  # log: what nobody has seen scatters at least so much more than what was seen


@dataclass(frozen=True, kw_only=True)
class DifficultyFactor:
    """Bands of one number, with the log of how much wider errors scatter in each."""

    name: str
    edges: tuple[float, ...]
    worth: tuple[float, ...]
    """One for each band, the last for a missing number."""

    def bands(self, values: Floats) -> Ints:
        """Place values in bands."""
        return self._edges.searchsorted(values, side="right")  # NaN goes behind all, past the last edge

    def log_scale(self, values: Floats) -> Floats:
        """Look up the worth of each value's band."""
        return self._worth[self.bands(values)]

    # a quote looks up hundreds of edges: made into arrays once, not for each quote
    @cached_property
    def _edges(self) -> Floats:
        return np.array([*self.edges, np.inf], dtype=np.float64)

    @cached_property
    def _worth(self) -> Floats:
        return np.array(self.worth, dtype=np.float64)


def cut_by_quantiles(name: str, values: Floats, *, bands: int) -> DifficultyFactor:
    """Cut a number so that each band has as many rows."""
    shares = np.arange(1, bands) / bands
    return cut_by_edges(name, np.unique(np.quantile(values[~np.isnan(values)], shares)).tolist())


def cut_by_edges(name: str, edges: Sequence[float]) -> DifficultyFactor:
    """Cut a number at these edges."""
    return DifficultyFactor(name=name, edges=tuple(edges), worth=(0.0,) * (len(edges) + 2))


def fit_difficulty(
    factors: Sequence[DifficultyFactor], *, seen: dict[str, Floats], errors: Floats
) -> tuple[DifficultyFactor, ...]:
    """Fit all factors together on absolute errors: each explains what the others leave."""
    fitted = list(factors)
    for _ in range(SWEEPS):
        for number, factor in enumerate(fitted):
            others = [item for item in fitted if item is not factor]
            left = errors / np.exp(log_sigma(others, seen, rows=len(errors)))
            fitted[number] = _fit_one(factor, values=seen[factor.name], errors=left)
    return tuple(fitted)


def log_sigma(factors: Sequence[DifficultyFactor], seen: dict[str, Floats], *, rows: int) -> Floats:
    """Add up the factors' logs, shape (rows,), in their order."""
    total = np.zeros(rows)
    for factor in factors:
        total = total + factor.log_scale(seen[factor.name])
    return total


def _fit_one(factor: DifficultyFactor, *, values: Floats, errors: Floats) -> DifficultyFactor:
    bands, usual = factor.bands(values), float(errors.mean())
    rows = np.bincount(bands, minlength=len(factor.worth))
    total = np.bincount(bands, errors, len(factor.worth))
    worth = np.log((total + PRIOR_ROWS * usual) / (rows + PRIOR_ROWS) / usual)
    if not rows[-1]:
        worth[-1] = worth[:-1].max() + MAX_WIDENING
    return replace(factor, worth=tuple(worth.tolist()))
