"""The range around a price that holds the asked price nine times in ten: split conformal on log price."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
COVERAGE = 0.9


@dataclass(frozen=True, kw_only=True)
class PriceRange:
    """How far below and above the price the range ends. Unit: log dollars."""

    below: float
    above: float

    def as_json(self) -> dict[str, float]:
        """Give both ends as JSON's own types."""
        return {"below": self.below, "above": self.above}

    @classmethod
    def from_json(cls, content: Mapping[str, float]) -> "PriceRange":
        """Read what `as_json` wrote."""
        return cls(below=content["below"], above=content["above"])

    def low(self, log_price: Floats) -> Floats:
        """Give the lower ends."""
        return log_price - self.below

    def high(self, log_price: Floats) -> Floats:
        """Give the upper ends."""
        return log_price + self.above


NO_RANGE = PriceRange(below=0.0, above=0.0)  # of a model that is not calibrated yet


def calibrate(residuals: Floats, *, coverage: float = COVERAGE) -> PriceRange:
    """Fit the range on residuals (log price asked minus log price quoted) of rows the model never saw.

    Each tail gets its own conformal quantile: asked prices err further downwards than upwards.
    """
    tail = (1 - coverage) / 2
    return PriceRange(below=_conformal(-residuals, 1 - tail), above=_conformal(residuals, 1 - tail))


def _conformal(scores: Floats, level: float) -> float:
    """Take the order statistic that covers one more row with this probability, whatever the distribution."""
    place = min(ceil((len(scores) + 1) * level), len(scores)) - 1
    return max(float(np.partition(scores, place)[place]), 0.0)
