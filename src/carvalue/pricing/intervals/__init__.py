"""Conformal prediction intervals for prices."""

from carvalue.pricing.intervals.conformal import (
    NOMINAL_COVERAGE,
    UNCALIBRATED,
    Floats,
    IntervalInputs,
    PriceIntervals,
    calibrate_intervals,
    interval_inputs,
)

__all__ = [
    "NOMINAL_COVERAGE",
    "UNCALIBRATED",
    "Floats",
    "IntervalInputs",
    "PriceIntervals",
    "calibrate_intervals",
    "interval_inputs",
]
