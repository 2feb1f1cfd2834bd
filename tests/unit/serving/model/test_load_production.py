"""Loading the production model outside the service, with the last good bundle as fallback."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from carvalue.files.bundle import bundle_digest
from carvalue.registry.model_version import ModelVersion, RegistryUnavailable
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from carvalue.serving.model.live_model import ModelNotLoaded
from carvalue.serving.model.load_production import load_with_fallback


@dataclass
class ARegistry:
    bundle: Path | None
    is_up: bool = True

    def champion(self) -> ModelVersion | None:
        if not self.is_up:
            raise RegistryUnavailable("MLflow does not answer.")
        return a_version(self.bundle) if self.bundle else None

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        assert self.bundle is not None
        return Path(shutil.copytree(self.bundle, into))


def a_version(bundle: Path, number: int = 3) -> ModelVersion:
    return ModelVersion(
        name="vehicles-price-model", version=number, run_id="", source="", bundle_digest=bundle_digest(bundle)
    )


def never(line: str) -> None:
    raise AssertionError(line)


def test_the_version_in_production_is_taken(bundle: Path, tmp_path: Path) -> None:
    loaded = load_with_fallback(registry=ARegistry(bundle), cache=BundleCache(tmp_path), warn=never)

    assert loaded.version.version == 3
    assert loaded.model.quote({"model": "toyota camry", "year": 2014}).price > 0


def test_without_mlflow_the_last_good_bundle_is_loaded_with_a_warning(bundle: Path, tmp_path: Path) -> None:
    cache, version = BundleCache(tmp_path), a_version(bundle, number=2)
    cache.set_last_good(
        CachedBundle(version=version, folder=Path(shutil.copytree(bundle, cache.folder_of(version))))
    )
    warned: list[str] = []

    loaded = load_with_fallback(registry=ARegistry(bundle, is_up=False), cache=cache, warn=warned.append)

    assert loaded.version == version
    assert warned == ["MLflow does not answer. Pricing with the service's last good model, version 2."]


@pytest.mark.parametrize("is_up", [True, False])
def test_no_model_anywhere_is_an_error(tmp_path: Path, *, is_up: bool) -> None:
    with pytest.raises(ModelNotLoaded):
        load_with_fallback(registry=ARegistry(None, is_up=is_up), cache=BundleCache(tmp_path), warn=never)


def test_a_damaged_bundle_of_the_service_is_skipped(bundle: Path, tmp_path: Path) -> None:
    cache, warned = BundleCache(tmp_path), list[str]()
    for number in (1, 2):
        version = a_version(bundle, number=number)
        folder = Path(shutil.copytree(bundle, cache.folder_of(version)))
        cache.set_last_good(CachedBundle(version=version, folder=folder))
    (folder / "model.ubj").write_bytes(b"")

    loaded = load_with_fallback(registry=ARegistry(bundle, is_up=False), cache=cache, warn=warned.append)

    assert loaded.version == a_version(bundle, number=1)
    assert "version 1" in warned[0]
