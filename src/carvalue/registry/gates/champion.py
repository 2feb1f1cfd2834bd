"""Load the model in production (the champion), so that a new model can be compared with it."""

import logging
from pathlib import Path

from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion
from carvalue.registry.port import RegistryReader

logger = logging.getLogger(__name__)


def load_champion(registry: RegistryReader, *, into: Path, unless_digest: str = "") -> Champion | None:
    """Load the model in production.

    Args:
        registry: The model registry.
        into: The folder to download its bundle to.
        unless_digest: The digest of a bundle that need not be compared with itself.

    Returns:
        The champion; None if there is none, if its bundle has that digest, or if it cannot be loaded.

    Raises:
        RegistryUnavailable: The registry does not answer.
    """
    version = registry.champion()
    if version is None or version.bundle_digest == unless_digest:
        return None
    try:
        model = PriceModel.load(registry.download(version, into=into))
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "version in production is unusable", extra={"version": version.version, "error": str(error)}
        )
        return None
    return Champion(name=f"version {version.version}", model=model)
