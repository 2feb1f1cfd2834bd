"""Fakes of external systems."""

import shutil
from pathlib import Path

from carvalue.files.bundle import bundle_digest
from carvalue.registry.model_version import ModelVersion, RegistryUnavailable


class FakeRegistry:
    """A model registry in memory: bundles by version, one of them in production, up or down."""

    def __init__(self) -> None:
        self.production: ModelVersion | None = None
        self.challenger: ModelVersion | None = None
        self.is_down = False
        self.downloads = 0
        self._bundles: dict[ModelVersion, Path] = {}

    def promote(self, bundle: Path, *, version: int) -> ModelVersion:
        """Put a bundle into production."""
        self.production = self._register(bundle, version)
        return self.production

    def challenge(self, bundle: Path, *, version: int) -> ModelVersion:
        """Try a bundle beside production."""
        self.challenger = self._register(bundle, version)
        return self.challenger

    def _register(self, bundle: Path, number: int) -> ModelVersion:
        version = ModelVersion(
            name="vehicles-price-model",
            version=number,
            run_id=f"run{number}",
            source=str(bundle),
            bundle_digest=bundle_digest(bundle),
        )
        self._bundles[version] = bundle
        return version

    def latest(self, *, alias: str = "production") -> ModelVersion | None:
        """Name the version that bears an alias."""
        if self.is_down:
            raise RegistryUnavailable("The registry is down.")
        return self.challenger if alias == "challenger" else self.production

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Copy the bundle."""
        if self.is_down:
            raise RegistryUnavailable("The registry is down.")
        self.downloads += 1
        shutil.copytree(self._bundles[version], into)
        return into
