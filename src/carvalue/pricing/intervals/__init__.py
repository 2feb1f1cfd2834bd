"""Conformal prediction intervals and distributions of asking prices, and their scores."""

from carvalue.pricing.intervals.adaptive import (
    MAX_CORRECTION,
    NO_CORRECTION,
    RangeCorrection,
    correct_by_sales,
)
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
from carvalue.pricing.intervals.quantile_trees import QuantileTrees

__all__ = [
    "LEVELS",
    "MAX_CORRECTION",
    "NOMINAL_COVERAGE",
    "NO_CORRECTION",
    "UNCALIBRATED",
    "Floats",
    "IntervalInputs",
    "PriceDistribution",
    "PriceIntervals",
    "QuantileTrees",
    "QuantilesUnknown",
    "RangeCorrection",
    "Whole",
    "calibrate_intervals",
    "correct_by_sales",
    "crps",
    "interval_inputs",
    "shares_below",
]
