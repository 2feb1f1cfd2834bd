"""The version that is watched, and the detector that compares its quotes with its own reference."""

import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from carvalue.monitoring.drift.detector import Detector, DetectorState, StateIncompatible
from carvalue.monitoring.drift.frames import reference_frame
from carvalue.monitoring.drift.profile import ReferenceProfile
from carvalue.monitoring.drift.reference import find_reference
from carvalue.monitoring.drift.thresholds import NullDistribution, calibrate
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import ModelCard
from carvalue.registry import ModelRegistry, ModelVersion

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CalibratedDetector:
    """A version in production with what its quotes are compared with.

    Attributes:
        version: in the registry.
        card: of its bundle.
        reference: the inputs of its training cars, and what it answers to them.
        detector: of drift away from that.
    """

    version: ModelVersion
    card: ModelCard
    reference: pl.DataFrame
    detector: Detector


def calibrate_detector(
    version: ModelVersion, *, registry: ModelRegistry, references: Path, memory: DetectorState | None = None
) -> CalibratedDetector:
    """Fetch a version, quote its reference with it, and calibrate a detector on the answers.

    Raises:
        RegistryUnavailable, BundleCorrupt, BundleIncompatible: there is no model to quote with.
        ReferenceMissing, ReferenceTooSmall: there is nothing to compare with.
    """
    with TemporaryDirectory() as folder:
        model = PriceModel.load(registry.download(version, into=Path(folder) / "bundle"))
    found = find_reference(fingerprint=model.card.dataset_fingerprint, root=references)
    reference = reference_frame(pl.read_parquet(found.path), model)
    profile, null = calibrate(reference)
    logger.info("watching", extra={"version": version.version, "reference_rows": len(reference)})
    return CalibratedDetector(
        version=version,
        card=model.card,
        reference=reference,
        detector=_detector(profile, null, memory),
    )


def _detector(profile: ReferenceProfile, null: NullDistribution, memory: DetectorState | None) -> Detector:
    try:
        return Detector(profile, null, memory)
    except StateIncompatible as error:
        logger.warning("the saved drift state is discarded", extra={"because": error.message})
        return Detector(profile, null)
