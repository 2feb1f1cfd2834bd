"""The model in production, fetched so that a new one can be measured beside it."""

import logging
import shutil
from pathlib import Path

import mlflow

from carvalue.pricing.bundle import BundleCorrupt, BundleIncompatible, bundle_digest
from carvalue.pricing.evaluation.evaluate import Rival
from carvalue.pricing.model import PriceModel
from carvalue.registry import stages
from carvalue.registry.connection import connected
from carvalue.registry.model_version import BUNDLE_PATH, DIGEST_TAG, MODEL_NAME, PRODUCTION

logger = logging.getLogger(__name__)


def fetch_rival(*, uri: str, bundle: Path, into: Path) -> Rival | None:
    """Load the model in production; None where there is none but this bundle, or none that can be used.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: there is no whole bundle in the folder `bundle`.
    """
    with connected(uri) as client:
        champion = stages.aliased(client, PRODUCTION)
        if champion is None or champion.tags.get(DIGEST_TAG) == bundle_digest(bundle):
            return None
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        model = mlflow.artifacts.download_artifacts(
            f"models:/{MODEL_NAME}/{champion.version}", dst_path=str(into)
        )
    try:
        loaded = PriceModel.load(Path(model) / "artifacts" / BUNDLE_PATH)
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "version in production is unusable", extra={"version": champion.version, "error": str(error)}
        )
        return None
    return Rival(name=f"version {champion.version}", model=loaded)
