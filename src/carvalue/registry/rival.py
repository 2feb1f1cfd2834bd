"""The model in production, fetched so that a new one can be measured beside it."""

import logging
from pathlib import Path

from carvalue.pricing.bundle import BundleCorrupt, BundleIncompatible, bundle_digest
from carvalue.pricing.evaluation.evaluate import Rival
from carvalue.pricing.model import PriceModel
from carvalue.registry.production import ProductionReader

logger = logging.getLogger(__name__)


def fetch_rival(*, uri: str, bundle: Path, into: Path) -> Rival | None:
    """Load the model in production; None where there is none but this bundle, or none that can be used.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: there is no whole bundle in the folder `bundle`.
    """
    reader = ProductionReader(uri)
    version = reader.latest()
    if version is None or version.bundle_digest == bundle_digest(bundle):
        return None
    try:
        model = PriceModel.load(reader.download(version, into=into))
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "version in production is unusable", extra={"version": version.version, "error": str(error)}
        )
        return None
    return Rival(name=f"version {version.version}", model=model)
