"""Build a drift detector for a version from its bundle and its reference."""

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
from carvalue.registry import ModelVersion, RegistryReader

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CalibratedDetector:
    """A version in production and the detector of its quotes.

    Attributes:
        version: The version in the registry.
        card: The model card of its bundle.
        reference: Its training cars, one row each: the inputs, `price` and `range_width` as it quotes them.
        detector: Compares quotes with the reference.
    """

    version: ModelVersion
    card: ModelCard
    reference: pl.DataFrame
    detector: Detector


def calibrate_detector(
    version: ModelVersion, *, registry: RegistryReader, references: Path, state: DetectorState | None = None
) -> CalibratedDetector:
    """Download a version, quote its reference with it, and calibrate a detector on the result.

    Args:
        version: The version to watch.
        registry: Where its bundle is.
        references: The folder of the published references.
        state: The saved state of an earlier detector of the same version; None to start anew. A state that
            does not fit is discarded with a warning.

    Returns:
        The detector and what it compares with.

    Raises:
        RegistryUnavailable: The registry does not answer.
        BundleCorrupt: A file of the bundle is damaged.
        BundleIncompatible: The bundle has another format.
        ReferenceMissing: There is no reference for the version's dataset.
        ReferenceTooSmall: The reference has too few rows.
    """
    with TemporaryDirectory() as folder:
        model = PriceModel.load(registry.download(version, into=Path(folder) / "bundle"))
    published = find_reference(fingerprint=model.card.dataset_fingerprint, root=references)
    reference = reference_frame(pl.read_parquet(published.path), model)
    profile, null = calibrate(reference)
    logger.info("watching", extra={"version": version.version, "reference_rows": len(reference)})
    return CalibratedDetector(
        version=version,
        card=model.card,
        reference=reference,
        detector=_detector(profile, null, state),
    )


def _detector(profile: ReferenceProfile, null: NullDistribution, state: DetectorState | None) -> Detector:
    try:
        return Detector(profile, null, state)
    except StateIncompatible as error:
        logger.warning("the saved drift state is discarded", extra={"because": error.message})
        return Detector(profile, null)
