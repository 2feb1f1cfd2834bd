"""The model in production, fetched so that a new one can be measured beside it."""

import logging
from pathlib import Path

from carvalue.pricing.bundle.folder import BundleCorrupt, BundleIncompatible, bundle_digest
from carvalue.pricing.evaluation.evaluate import Rival
from carvalue.pricing.model import PriceModel
from carvalue.registry.mlflow import stages
from carvalue.registry.mlflow.bundles import as_version, fetch_bundle
from carvalue.registry.mlflow.connection import connected
from carvalue.registry.model_version import PRODUCTION

logger = logging.getLogger(__name__)


def fetch_rival(*, uri: str, bundle: Path, into: Path) -> Rival | None:
    """Load the model in production; None where there is none but this bundle, or none that can be used.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: there is no whole bundle in the folder `bundle`.
    """
    return _fetch(uri, into=into, but=bundle_digest(bundle))


def fetch_production(*, uri: str, into: Path) -> Rival | None:
    """Load the model in production; None where there is none, or none that can be used.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    return _fetch(uri, into=into, but=None)


def _fetch(uri: str, *, into: Path, but: str | None) -> Rival | None:
    with connected(uri) as client:
        found = stages.aliased(client, PRODUCTION)
        if found is None:
            return None
        champion = as_version(found)
        if champion.bundle_digest == but:
            return None
        try:
            loaded = PriceModel.load(fetch_bundle(uri=uri, version=champion, into=into))
        except (BundleCorrupt, BundleIncompatible) as error:
            logger.warning(
                "version in production is unusable", extra={"version": champion.version, "error": str(error)}
            )
            return None
    return Rival(name=f"version {champion.version}", model=loaded)
