"""How sure a difference between two models is that quoted the same rows: a paired bootstrap."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TIMES, SEED = 1_000, 0


@dataclass(frozen=True, kw_only=True)
class PairedChange:
    """The change of the median error, as a share of the other's: -0.02 is two percent less.

    Attributes:
        measured: on the rows as they are.
        low, high: what the change is not below, and not above, each with the confidence asked for.
    """

    measured: float
    low: float
    high: float


def paired_change(*, mine: Floats, theirs: Floats, confidence: float) -> PairedChange:
    """Compare two models' relative errors on the same rows, shape (rows,) each.

    Rows are drawn anew with replacement, the same ones for both, so that what makes a row hard for both
    cancels out. The same errors give the same answer.
    """
    random = np.random.default_rng(SEED)
    changes = np.empty(TIMES)
    for time in range(TIMES):
        drawn = random.integers(0, mine.size, mine.size)
        changes[time] = _change(mine[drawn], theirs[drawn])
    low, high = np.quantile(changes, (1 - confidence, confidence))
    return PairedChange(measured=_change(mine, theirs), low=float(low), high=float(high))


def _change(mine: Floats, theirs: Floats) -> float:
    other = max(float(np.median(theirs)), np.finfo(np.float64).tiny)  # nothing beats a model without error
    return float(np.median(mine)) / other - 1
