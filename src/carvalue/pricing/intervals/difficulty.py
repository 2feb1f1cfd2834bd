"""Difficulty (sigma) of a quote: the expected spread of prices around quotes, as a product of factors.

The sigmas normalize the residuals of the conformal intervals (Papadopoulos et al. 2008). Each factor bins one
input. All are fitted together by backfitting (Buja et al. 1989): each explains what the others leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DIFFICULTY_PRIOR_ROWS = 20.0
"""A bin with so many rows is shrunk halfway toward the mean of all rows."""
BACKFITTING_SWEEPS = 5
TAIL_LEVEL = 0.9
"""Quantile of the absolute residuals that a bin is compared by."""
MIN_TAIL_RATIO = 0.1
"""A bin has at least this share of the overall tail: one that is quoted exactly keeps an interval."""
UNSEEN_LOG_SIGMA = 0.1
"""Log sigma by which unseen values are above those that were seen: intervals are about 10 % wider."""


@dataclass(frozen=True, kw_only=True)
class DifficultyFactor:
    """Bins of one input, with the log sigma of each bin.

    Examples:
        >>> miles = DifficultyFactor(name="odometer", edges=(50_000.0,), log_sigmas=(0.0, 0.25, 0.5))
        >>> miles.bin_indices(np.array([10_000.0, 90_000.0, np.nan])).tolist()
        [0, 1, 2]
        >>> miles.log_sigma(np.array([10_000.0, 90_000.0, np.nan])).tolist()
        [0.0, 0.25, 0.5]
    """

    name: str
    """Name of the input."""
    edges: tuple[float, ...]
    """Increasing edges between the bins; a value on an edge belongs to the upper bin."""
    log_sigmas: tuple[float, ...]
    """Log sigma of each bin, `len(edges) + 2` values; the last bin is that of missing values."""

    def bin_indices(self, values: Floats) -> Ints:
        """Assign values to bins.

        Args:
            values: Values of the input, shape (rows,); NaN is a missing value.

        Returns:
            Index of each value's bin, shape (rows,).
        """
        return self._edges.searchsorted(values, side="right")  # NaN sorts last, after the infinite edge

    def log_sigma(self, values: Floats) -> Floats:
        """Look up the log sigma of each value's bin.

        Args:
            values: Values of the input, shape (rows,); NaN is a missing value.

        Returns:
            Log sigmas, shape (rows,).
        """
        return self._log_sigmas[self.bin_indices(values)]

    # a quote looks up hundreds of edges: the arrays are built once, not for each quote
    @cached_property
    def _edges(self) -> Floats:
        return np.array([*self.edges, np.inf], dtype=np.float64)

    @cached_property
    def _log_sigmas(self) -> Floats:
        return np.array(self.log_sigmas, dtype=np.float64)


def cut_by_quantiles(name: str, values: Floats, *, bins: int) -> DifficultyFactor:
    """Cut an input into bins with equal numbers of rows.

    Args:
        name: Name of the input.
        values: Values of the input, shape (rows,); NaN is a missing value.
        bins: Number of bins, without that of missing values; fewer where quantiles coincide.

    Returns:
        Factor with all log sigmas 0.

    Examples:
        >>> cut_by_quantiles("year", np.array([2001.0, 2005.0, 2010.0, 2020.0, np.nan]), bins=2).edges
        (2007.5,)
        >>> cut_by_quantiles("odometer", np.array([np.nan]), bins=2).edges
        ()
    """
    known = values[~np.isnan(values)]
    edges = np.quantile(known, np.arange(1, bins) / bins) if len(known) else known
    return cut_by_edges(name, np.unique(edges).tolist())


def cut_by_edges(name: str, edges: Sequence[float]) -> DifficultyFactor:
    """Cut an input into bins at given edges.

    Args:
        name: Name of the input.
        edges: Increasing edges between the bins.

    Returns:
        Factor with all log sigmas 0.
    """
    return DifficultyFactor(name=name, edges=tuple(edges), log_sigmas=(0.0,) * (len(edges) + 2))


def fit_difficulty(
    factors: Sequence[DifficultyFactor], *, inputs: dict[str, Floats], absolute_residuals: Floats
) -> tuple[DifficultyFactor, ...]:
    """Fit the log sigmas of all factors together by backfitting.

    Args:
        factors: Factors with the bins to fit.
        inputs: Name of an input -> its values, shape (rows,).
        absolute_residuals: Absolute residuals in log dollars, shape (rows,).

    Returns:
        The factors with fitted log sigmas; a bin of missing values without rows is above all others.

    Examples:
        >>> inputs = {"year": np.array([2000.0] * 500 + [2020.0] * 500)}
        >>> residuals = np.array([0.4] * 500 + [0.1] * 500)
        >>> bins = [cut_by_edges("year", [2010.0])]
        >>> (year,) = fit_difficulty(bins, inputs=inputs, absolute_residuals=residuals)
        >>> np.exp(year.log_sigmas).round(2).tolist()  # old cars scatter more
        [1.0, 0.26, 1.11]
    """
    fitted = list(factors)
    for _ in range(BACKFITTING_SWEEPS):
        for number, factor in enumerate(fitted):
            others = [item for item in fitted if item is not factor]
            sigmas = np.exp(total_log_sigma(others, inputs, rows=len(absolute_residuals)))
            fitted[number] = _fit_one(factor, inputs[factor.name], absolute_residuals / sigmas)
    return tuple(fitted)


def total_log_sigma(factors: Sequence[DifficultyFactor], inputs: dict[str, Floats], *, rows: int) -> Floats:
    """Add the log sigmas of all factors, in their order.

    Args:
        factors: Fitted factors.
        inputs: Name of an input -> its values, shape (rows,).
        rows: Number of rows, for the case without factors.

    Returns:
        Log sigma of each row, shape (rows,).
    """
    total = np.zeros(rows)
    for factor in factors:
        total = total + factor.log_sigma(inputs[factor.name])
    return total


def _fit_one(factor: DifficultyFactor, values: Floats, residuals: Floats) -> DifficultyFactor:
    """Compare the tail of each bin with that of all rows: the intervals end at a quantile, not at a mean."""
    overall = float(np.quantile(residuals, TAIL_LEVEL))
    if not overall:  # nearly every price is quoted exactly
        return factor
    bins = factor.bin_indices(values)
    log_sigmas = np.zeros(len(factor.log_sigmas))
    for number in np.unique(bins):
        scores = residuals[bins == number]
        weight = len(scores) / (len(scores) + DIFFICULTY_PRIOR_ROWS)
        tail = max(float(np.quantile(scores, TAIL_LEVEL)), MIN_TAIL_RATIO * overall)
        log_sigmas[number] = weight * np.log(tail / overall)
    if not (bins == len(log_sigmas) - 1).any():
        log_sigmas[-1] = log_sigmas[:-1].max() + UNSEEN_LOG_SIGMA
    return replace(factor, log_sigmas=tuple(log_sigmas.tolist()))
