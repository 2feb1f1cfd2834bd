"""Detect when recent quotes differ from the training data."""

from carvalue.monitoring.drift.calibrated import CalibratedDetector, calibrate_detector
from carvalue.monitoring.drift.detector import (
    MIN_ROWS,
    Detector,
    DetectorState,
    DriftReport,
    FeatureDrift,
    StateIncompatible,
)
from carvalue.monitoring.drift.frames import journal_frame, reference_frame
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.drift.thresholds import calibrate

__all__ = [
    "MIN_ROWS",
    "CalibratedDetector",
    "Detector",
    "DetectorState",
    "DriftReport",
    "FeatureDrift",
    "StateIncompatible",
    "calibrate",
    "calibrate_detector",
    "journal_frame",
    "publish_reference",
    "reference_frame",
]
