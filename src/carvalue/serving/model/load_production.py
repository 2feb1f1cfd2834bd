"""A model for work beside the service: the one in production, or else the service's last good bundle."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from carvalue.pricing.model import PriceModel
from carvalue.registry.http_reader import ProductionReader
from carvalue.registry.model_version import Registry, RegistryUnavailable
from carvalue.serving.model.bundle_cache import Shelf, bundles_folder
from carvalue.serving.model.live_model import InUse, NoModelYet
from carvalue.settings import Settings


def borrow_by(settings: Settings, *, warn: Callable[[str], None]) -> InUse:
    """Load the model that the service of these settings quotes with; see `borrow`."""
    with ProductionReader(settings.mlflow_tracking_uri) as registry:
        return borrow(registry=registry, shelf=Shelf(bundles_folder(settings.state_dir)), warn=warn)


def borrow(*, registry: Registry, shelf: Shelf, warn: Callable[[str], None]) -> InUse:
    """Load the version in production; where MLflow is away, say so and load the last good bundle.

    Raises:
        NoModelYet: nothing is in production; or MLflow is away and the service never had a model here.
        BundleCorrupt, BundleIncompatible: the bundle cannot be used.
    """
    try:
        version = registry.latest()
        if version is None:
            raise NoModelYet("There is no model in production yet.")
        with TemporaryDirectory() as folder:
            bundle = registry.download(version, into=Path(folder) / "bundle")
            return InUse(model=PriceModel.load(bundle), version=version)
    except RegistryUnavailable as away:
        return _last_good(shelf, away=away, warn=warn)


def _last_good(shelf: Shelf, *, away: RegistryUnavailable, warn: Callable[[str], None]) -> InUse:
    shelved = shelf.last_good()
    if shelved is None:
        raise NoModelYet(f"{away.message} And the service has left no model here.") from away
    warn(f"{away.message} Pricing with the service's last good model, version {shelved.version.version}.")
    return InUse(model=PriceModel.load(shelved.folder), version=shelved.version)
