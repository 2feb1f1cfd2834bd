"""Load the model in production (the champion), so that a new model can be compared with it."""

import logging
from pathlib import Path

from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion
from carvalue.registry.port import VersionCatalog

logger = logging.getLogger(__name__)


def load_champion(registry: VersionCatalog, *, into: Path) -> Champion | None:
    """Load the model in production.

    Args:
        registry: The model registry.
        into: The folder to download its bundles to.

    Returns:
        The champion; None if there is none, or if it cannot be loaded.

    Raises:
        RegistryUnavailable: The registry does not answer.
    """
    version = registry.champion()
    if version is None:
        return None
    try:
        model = PriceModel.load(registry.download(version, into=into / "bundle"))
        evaluated = registry.download_evaluated(version, into=into / "evaluated")
        before = None if evaluated is None else PriceModel.load(evaluated)
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "version in production is unusable", extra={"version": version.version, "error": str(error)}
        )
        return None
    return Champion(name=f"version {version.version}", model=model, evaluated=before)
