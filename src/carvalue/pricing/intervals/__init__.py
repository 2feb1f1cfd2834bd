"""Conformal prediction intervals for prices."""

from carvalue.pricing.intervals.conformal import (
    NO_RANGE,
    NOMINAL_COVERAGE,
    Floats,
    PriceRange,
    calibrate_range,
    interval_inputs,
)

__all__ = ["NOMINAL_COVERAGE", "NO_RANGE", "Floats", "PriceRange", "calibrate_range", "interval_inputs"]
