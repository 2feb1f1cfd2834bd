"""Conformal prediction intervals and distributions of asking prices, and their scores."""

from carvalue.pricing.intervals.conformal import (
    NOMINAL_COVERAGE,
    UNCALIBRATED,
    IntervalInputs,
    PriceIntervals,
    QuantilesUnknown,
    calibrate_intervals,
    interval_inputs,
)
from carvalue.pricing.intervals.distribution import (
    LEVELS,
    Floats,
    PriceDistribution,
    Whole,
    crps,
    shares_below,
)

__all__ = [
    "LEVELS",
    "NOMINAL_COVERAGE",
    "UNCALIBRATED",
    "Floats",
    "IntervalInputs",
    "PriceDistribution",
    "PriceIntervals",
    "QuantilesUnknown",
    "Whole",
    "calibrate_intervals",
    "crps",
    "interval_inputs",
    "shares_below",
]
