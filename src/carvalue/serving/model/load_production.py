"""A model for work beside the service: the one in production, or else the service's last good bundle."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from carvalue.pricing import PriceModel
from carvalue.registry import ModelRegistry, ProductionReader, RegistryUnavailable
from carvalue.serving.model.bundle_cache import BundleCache, bundles_folder
from carvalue.serving.model.live_model import LoadedModel, ModelNotLoaded
from carvalue.settings import Settings


def load_production_model(settings: Settings, *, warn: Callable[[str], None]) -> LoadedModel:
    """Load the model that the service of these settings quotes with; see `load_with_fallback`."""
    with ProductionReader(settings.mlflow_tracking_uri) as registry:
        return load_with_fallback(
            registry=registry, shelf=BundleCache(bundles_folder(settings.state_dir)), warn=warn
        )


def load_with_fallback(
    *, registry: ModelRegistry, shelf: BundleCache, warn: Callable[[str], None]
) -> LoadedModel:
    """Load the version in production; where MLflow is away, say so and load the last good bundle.

    Raises:
        ModelNotLoaded: nothing is in production; or MLflow is away and the service never had a model here.
        BundleCorrupt, BundleIncompatible: the bundle cannot be used.
    """
    try:
        version = registry.latest()
        if version is None:
            raise ModelNotLoaded("There is no model in production yet.")
        with TemporaryDirectory() as folder:
            bundle = registry.download(version, into=Path(folder) / "bundle")
            return LoadedModel(model=PriceModel.load(bundle), version=version)
    except RegistryUnavailable as away:
        return _last_good(shelf, away=away, warn=warn)


def _last_good(shelf: BundleCache, *, away: RegistryUnavailable, warn: Callable[[str], None]) -> LoadedModel:
    shelved = shelf.last_good()
    if shelved is None:
        raise ModelNotLoaded(f"{away.message} And the service has left no model here.") from away
    warn(f"{away.message} Pricing with the service's last good model, version {shelved.version.version}.")
    return LoadedModel(model=PriceModel.load(shelved.folder), version=shelved.version)
