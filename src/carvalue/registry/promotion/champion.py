"""Load the model in production (the champion), so that a new model can be compared with it."""

import logging
from pathlib import Path

from carvalue.files import BundleCorrupt, BundleIncompatible, bundle_digest
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion
from carvalue.registry.mlflow import connect_mlflow, fetch_bundle, to_model_version, version_by_alias
from carvalue.registry.model_version import PRODUCTION

logger = logging.getLogger(__name__)


def fetch_other_champion(*, uri: str, bundle: Path, into: Path) -> Champion | None:
    """Load the model in production, unless it is the given bundle.

    Args:
        uri: The URI of the MLflow server or database.
        bundle: The folder of the bundle to compare with the champion.
        into: The folder to download the champion's bundle to.

    Returns:
        The champion; None if there is none, if its content equals `bundle`, or if it cannot be loaded.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: The folder `bundle` has no complete bundle.
    """
    return _fetch(uri, into=into, ignored_digest=bundle_digest(bundle))


def fetch_champion(*, uri: str, into: Path) -> Champion | None:
    """Load the model in production.

    Args:
        uri: The URI of the MLflow server or database.
        into: The folder to download its bundle to.

    Returns:
        The champion; None if there is none, or if it cannot be loaded.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    return _fetch(uri, into=into, ignored_digest=None)


def _fetch(uri: str, *, into: Path, ignored_digest: str | None) -> Champion | None:
    with connect_mlflow(uri) as client:
        registered = version_by_alias(client, PRODUCTION)
        if registered is None:
            return None
        champion = to_model_version(registered)
        if champion.bundle_digest == ignored_digest:
            return None
        try:
            model = PriceModel.load(fetch_bundle(uri=uri, version=champion, into=into))
        except (BundleCorrupt, BundleIncompatible) as error:
            logger.warning(
                "version in production is unusable", extra={"version": champion.version, "error": str(error)}
            )
            return None
    return Champion(name=f"version {champion.version}", model=model)
