"""Load the production model outside the service: from the registry, or the service's last good bundle."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from carvalue.errors import AppError
from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.pricing import PriceModel
from carvalue.registry import RegistryReader, RegistryUnavailable, open_reader
from carvalue.serving.model.bundle_cache import BundleCache, bundles_folder
from carvalue.serving.model.live_model import LoadedModel, ModelNotLoaded
from carvalue.settings import RegistrySettings


def load_production_model(settings: RegistrySettings, *, warn: Callable[[str], None]) -> LoadedModel:
    """Load the model that the service of these settings quotes with; see `load_with_fallback`.

    Args:
        settings: where the registry is, and where the service keeps its bundles.
        warn: takes a warning for the user if the registry is unavailable.

    Returns:
        The model and its version.

    Raises:
        ModelNotLoaded: there is no model in production, or the registry is unavailable and the service has
            no bundle on this machine.
        BundleCorrupt, BundleIncompatible: the bundle cannot be used.
    """
    with open_reader(settings) as registry:
        return load_with_fallback(
            registry=registry, cache=BundleCache(bundles_folder(settings.state_dir)), warn=warn
        )


def load_with_fallback(
    *, registry: RegistryReader, cache: BundleCache, warn: Callable[[str], None]
) -> LoadedModel:
    """Load the version in production; if the registry is unavailable, warn and load the last good bundle.

    Args:
        registry: names the version in production and downloads its bundle.
        cache: the bundles of the service.
        warn: takes a warning for the user if the registry is unavailable.

    Returns:
        The model and its version.

    Raises:
        ModelNotLoaded: there is no model in production, or the registry is unavailable and the cache has no
            good bundle.
        BundleCorrupt, BundleIncompatible: the bundle cannot be used.
    """
    try:
        version = registry.champion()
        if version is None:
            raise ModelNotLoaded("There is no model in production yet.")
        with TemporaryDirectory() as folder:
            bundle = registry.download(version, into=Path(folder) / "bundle")
            return LoadedModel(model=PriceModel.load(bundle), version=version)
    except RegistryUnavailable as error:
        return _last_good(cache, error=error, warn=warn)


def _last_good(cache: BundleCache, *, error: RegistryUnavailable, warn: Callable[[str], None]) -> LoadedModel:
    unusable: AppError | None = None
    for bundle in cache.bundles():
        try:
            model = PriceModel.load(bundle.folder)
        except (BundleCorrupt, BundleIncompatible) as problem:
            unusable = unusable or problem
            continue
        warn(f"{error.message} Pricing with the service's last good model, version {bundle.version.version}.")
        return LoadedModel(model=model, version=bundle.version)
    if unusable is not None:
        raise unusable
    raise ModelNotLoaded(
        f"{error.message} The service has stored no model on this machine either."
    ) from error
