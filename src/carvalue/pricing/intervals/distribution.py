"""The predictive distribution of an asking price, as its quantiles, and its scores.

References:
    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102,
    section 4.2: the CRPS. Laio and Tamea (2007), "Verification tools for probabilistic forecasts of
    continuous hydrological variables", HESS 11: the CRPS from quantiles. Gneiting, Balabdaoui and Raftery
    (2007), "Probabilistic forecasts, calibration and sharpness", JRSS B 69: the PIT.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

LEVELS = tuple(level / 200 for level in range(1, 200))
"""Probabilities whose quantiles the bundle holds; others are interpolated."""
ANCHORS = tuple(map(LEVELS.index, (0.05, 0.5, 0.95)))
"""Positions in `LEVELS` of the lower end of the interval, the quote, and the upper end of the interval."""
STEP = 1e-9  # makes equal quantiles increase, which interpolation needs; far below a cent


@dataclass(frozen=True)
class PriceDistribution:
    """The predictive distribution of the asking price of one listing.

    Examples:
        >>> distribution = PriceDistribution(tuple(range(10_050, 20_000, 50)))
        >>> distribution.quantiles((0.05, 0.5, 0.95))
        (10500, 15000, 19500)
        >>> distribution.share_below(15_000), distribution.share_below(19_500)
        (0.5, 0.95)
    """

    prices: tuple[int, ...]
    """Quantile at each of `LEVELS` in whole dollars, non-decreasing."""

    def quantiles(self, levels: Sequence[float]) -> tuple[int, ...]:
        """Look up quantiles.

        Args:
            levels: Probabilities that are in `LEVELS`.

        Returns:
            Whole dollars, one price for each level.

        Raises:
            ValueError: A level is not in `LEVELS`.
        """
        return tuple(self.prices[LEVELS.index(level)] for level in levels)

    def share_below(self, asking: int) -> float:
        """Estimate the probability that the asking price is lower than a price.

        Args:
            asking: A price in dollars.

        Returns:
            A probability, as `shares_below` computes it; the asking price is higher with the rest of it.
        """
        return float(shares_below(np.array([self.prices]), np.array([asking]))[0])


def anchored(scores: Floats, *, below: Floats, above: Floats) -> Floats:
    """Adjust quantiles so that three of them are the ends of the interval and the quote itself.

    The quantiles between two of these are rescaled, so that they keep their order and their relative
    distances; those beyond the ends are shifted.

    Args:
        scores: Quantiles of the residual at each of `LEVELS`, non-decreasing, shape (bins, levels).
        below: Distances of the lower end from the quote, non-negative, shape (bins,).
        above: Distances of the upper end from the quote, non-negative, shape (bins,).

    Returns:
        Non-decreasing quantiles, shape (bins, levels): at level 0.05 `-below`, at 0.5 zero, at 0.95 `above`.
    """
    increasing = scores + STEP * np.arange(len(LEVELS))
    adjusted = np.empty_like(increasing)
    for row, quantiles in enumerate(increasing):
        known = quantiles[list(ANCHORS)]
        inside = np.interp(quantiles, known, (-below[row], 0.0, above[row]))
        adjusted[row] = inside + np.minimum(quantiles - known[0], 0) + np.maximum(quantiles - known[2], 0)
    return adjusted


def shares_below(prices: Whole, asking: Floats | Whole) -> Floats:
    """Estimate the probability that an asking price is lower than a given price.

    Of the asking price that came true this is the probability integral transform (PIT), which is uniform if
    the distributions are calibrated (Gneiting, Balabdaoui and Raftery 2007).

    A price that equals a quantile has the level of the quantile, any other one the middle of the two levels
    between which it lies. The probability of a price beyond the outermost quantiles is 1/400 or 399/400.

    Args:
        prices: Quantiles at each of `LEVELS` in dollars, non-decreasing, shape (rows, levels).
        asking: Prices in dollars, shape (rows,).

    Returns:
        Probabilities, shape (rows,).
    """
    lower = np.count_nonzero(prices < asking[:, None], axis=1)
    at_most = np.count_nonzero(prices <= asking[:, None], axis=1)
    shares: Floats = (lower + at_most + 1) / (2 * (len(LEVELS) + 1))
    return shares


def crps(prices: Whole, asking: Floats) -> Floats:
    """Compute the continuous ranked probability score (CRPS) from quantiles.

    The CRPS is a strictly proper score (Gneiting and Raftery 2007, section 4.2), and twice the integral of
    the quantile loss over the levels (Laio and Tamea 2007), here its mean over `LEVELS`. Smaller is better;
    of a distribution without spread it is the absolute error.

    Args:
        prices: Quantiles at each of `LEVELS` in dollars, shape (rows, levels).
        asking: Asking prices in dollars, shape (rows,).

    Returns:
        Dollars, shape (rows,).

    Examples:
        >>> crps(np.full((1, 199), 10_000), np.array([12_000.0])).round(6).tolist()
        [2000.0]
    """
    above = asking[:, None] - prices
    losses = np.where(above > 0, above, 0.0) - above * (1 - np.array(LEVELS))
    scores: Floats = 2 * losses.mean(axis=1)
    return scores
