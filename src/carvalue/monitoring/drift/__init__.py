"""Detect when recent quotes differ from the training data."""

from carvalue.monitoring.drift.calibrated import CalibratedReference, calibrate_reference
from carvalue.monitoring.drift.detector import (
    MIN_ROWS,
    Detector,
    DetectorState,
    DriftReport,
    FeatureDrift,
    StateIncompatible,
)
from carvalue.monitoring.drift.effects import FieldEffect
from carvalue.monitoring.drift.frames import journal_frame, reference_frame
from carvalue.monitoring.drift.profile import INPUTS, ReferenceProfile
from carvalue.monitoring.drift.reference import REFERENCE, publish_reference
from carvalue.monitoring.drift.thresholds import NullDistribution, calibrate

__all__ = [
    "INPUTS",
    "MIN_ROWS",
    "REFERENCE",
    "CalibratedReference",
    "Detector",
    "DetectorState",
    "DriftReport",
    "FeatureDrift",
    "FieldEffect",
    "NullDistribution",
    "ReferenceProfile",
    "StateIncompatible",
    "calibrate",
    "calibrate_reference",
    "journal_frame",
    "publish_reference",
    "reference_frame",
]
