"""The version that is watched, and the detector that compares its quotes with its own reference."""

import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from carvalue.monitoring.drift.detector import Detector, Memory
from carvalue.monitoring.drift.frames import rows_of_reference
from carvalue.monitoring.drift.reference import find_reference
from carvalue.monitoring.drift.thresholds import calibrate
from carvalue.pricing.bundle.model_card import ModelCard
from carvalue.pricing.model import PriceModel
from carvalue.registry.model_version import ModelVersion, Registry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Watched:
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


def watched(
    version: ModelVersion, *, registry: Registry, references: Path, memory: Memory | None = None
) -> Watched:
    """Fetch a version, quote its reference with it, and calibrate a detector on the answers.

    Raises:
        RegistryUnavailable, BundleCorrupt, BundleIncompatible: there is no model to quote with.
        ReferenceMissing, ReferenceTooSmall: there is nothing to compare with.
    """
    with TemporaryDirectory() as folder:
        model = PriceModel.load(registry.download(version, into=Path(folder) / "bundle"))
    found = find_reference(fingerprint=model.card.dataset_fingerprint, root=references)
    reference = rows_of_reference(pl.read_parquet(found.path), model)
    profile, null = calibrate(reference)
    logger.info("watching", extra={"version": version.version, "reference_rows": len(reference)})
    return Watched(
        version=version,
        card=model.card,
        reference=reference,
        detector=Detector(profile, null, memory),
    )
