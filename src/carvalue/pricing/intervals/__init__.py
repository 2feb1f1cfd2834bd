"""Conformal prediction intervals for prices."""

from carvalue.pricing.intervals.conformal import (
    UNCALIBRATED,
    Floats,
    PriceIntervals,
    calibrate_intervals,
    interval_inputs,
)

__all__ = ["UNCALIBRATED", "Floats", "PriceIntervals", "calibrate_intervals", "interval_inputs"]
