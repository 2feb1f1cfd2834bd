"""Load the model in production (the champion), so that a new model can be compared with it."""

import logging
from pathlib import Path

from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion
from carvalue.registry.model_version import ModelVersion
from carvalue.registry.port import VersionCatalog

logger = logging.getLogger(__name__)


def load_champion(registry: VersionCatalog, *, into: Path) -> Champion | None:
    """Load the model in production.

    Args:
        registry: The model registry.
        into: The folder to download its bundles to.

    Returns:
        The champion; None if there is none, or if it cannot be loaded. It has no `evaluated` model if only
        that one cannot be loaded.

    Raises:
        RegistryUnavailable: The registry does not answer.
    """
    version = registry.champion()
    if version is None:
        return None
    try:
        model = PriceModel.load(registry.download(version, into=into / "bundle"))
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "version in production is unusable", extra={"version": version.version, "error": str(error)}
        )
        return None
    evaluated = registry.download_evaluated(version, into=into / "evaluated")
    return Champion(
        name=f"version {version.version}",
        model=model,
        evaluated=_load_evaluated(evaluated, of=version) if evaluated else None,
    )


def _load_evaluated(folder: Path, *, of: ModelVersion) -> PriceModel | None:
    """Load the evaluated model; without it, the model in production quotes also the rows it was fitted on."""
    try:
        return PriceModel.load(folder)
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "evaluated model of the version in production is unusable",
            extra={"version": of.version, "error": str(error)},
        )
        return None
