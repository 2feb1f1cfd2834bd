"""The model in production, fetched so that a new one can be measured beside it."""

import logging
from pathlib import Path

from carvalue.files import BundleCorrupt, BundleIncompatible, bundle_digest
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion
from carvalue.registry.mlflow import connect_mlflow, fetch_bundle, to_model_version, version_by_alias
from carvalue.registry.model_version import PRODUCTION

logger = logging.getLogger(__name__)


def fetch_other_champion(*, uri: str, bundle: Path, into: Path) -> Champion | None:
    """Load the model in production; None where there is none but this bundle, or none that can be used.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: there is no whole bundle in the folder `bundle`.
    """
    return _fetch(uri, into=into, but=bundle_digest(bundle))


def fetch_champion(*, uri: str, into: Path) -> Champion | None:
    """Load the model in production; None where there is none, or none that can be used.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    return _fetch(uri, into=into, but=None)


def _fetch(uri: str, *, into: Path, but: str | None) -> Champion | None:
    with connect_mlflow(uri) as client:
        found = version_by_alias(client, PRODUCTION)
        if found is None:
            return None
        champion = to_model_version(found)
        if champion.bundle_digest == but:
            return None
        try:
            loaded = PriceModel.load(fetch_bundle(uri=uri, version=champion, into=into))
        except (BundleCorrupt, BundleIncompatible) as error:
            logger.warning(
                "version in production is unusable", extra={"version": champion.version, "error": str(error)}
            )
            return None
    return Champion(name=f"version {champion.version}", model=loaded)
