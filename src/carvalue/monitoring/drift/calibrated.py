"""Calibrate what the quotes of a version are compared with, from its bundle and its reference."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from carvalue.files import StoredFolder
from carvalue.monitoring.drift.effects import FieldEffect, measure_effects
from carvalue.monitoring.drift.frames import reference_frame
from carvalue.monitoring.drift.profile import ReferenceProfile
from carvalue.monitoring.drift.reference import find_reference
from carvalue.monitoring.drift.thresholds import NullDistribution, calibrate
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import ModelCard
from carvalue.registry import ModelVersion, RegistryReader

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CalibratedReference:
    """A version in production and what its quotes are compared with.

    Attributes:
        version: The version in the registry.
        card: The model card of its bundle.
        rows: Its training cars, one row each: the inputs, `price` and `range_width` as it quotes them.
        profile: The bins of the rows.
        null: The scores of rows that do not change.
        effects: What each field does to the price.
    """

    version: ModelVersion
    card: ModelCard
    rows: pl.DataFrame
    profile: ReferenceProfile
    null: NullDistribution
    effects: Mapping[str, FieldEffect]


def calibrate_reference(
    version: ModelVersion, *, registry: RegistryReader, references: StoredFolder
) -> CalibratedReference:
    """Download a version, quote its reference with it, and calibrate thresholds on the result.

    Args:
        version: The version to watch.
        registry: Where its bundle is.
        references: The folder of the published references.

    Returns:
        What its quotes are compared with.

    Raises:
        RegistryUnavailable: The registry does not answer.
        BundleCorrupt: A file of the bundle is damaged.
        BundleIncompatible: The bundle has another format.
        StorageUnavailable: The storage of the references does not answer.
        ReferenceMissing: There is no reference for the version's dataset.
        ReferenceTooSmall: The reference has too few rows.
    """
    with TemporaryDirectory() as folder:
        model = PriceModel.load(registry.download(version, into=Path(folder) / "bundle"))
    published = find_reference(fingerprint=model.card.dataset_fingerprint, root=references.read())
    cars = pl.read_parquet(published.path)
    rows, effects = reference_frame(cars, model), measure_effects(cars, model)
    profile, null = calibrate(rows)
    logger.info("watching", extra={"version": version.version, "reference_rows": len(rows)})
    return CalibratedReference(
        version=version, card=model.card, rows=rows, profile=profile, null=null, effects=effects
    )
