"""Fakes of external systems."""

from pathlib import Path

from carvalue.files.bundle import bundle_digest
from carvalue.registry.in_memory import InMemoryVersions
from carvalue.registry.model_version import ModelVersion, RegistryUnavailable


class FakeRegistry(InMemoryVersions):
    """A registry in memory that can be down, and counts the downloads."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.downloads = 0

    def promote(self, bundle: Path, *, version: int) -> ModelVersion:
        """Put a bundle into production."""
        added = self._add(bundle, version)
        self.set_champion(version)
        return added

    def challenge(self, bundle: Path, *, version: int) -> ModelVersion:
        """Try a bundle beside production."""
        added = self._add(bundle, version)
        self.set_challenger(version)
        return added

    def champion(self) -> ModelVersion | None:
        """Name the version in production."""
        self._require_up()
        return super().champion()

    def challenger(self) -> ModelVersion | None:
        """Name the version beside production."""
        self._require_up()
        return super().challenger()

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Copy the bundle."""
        self._require_up()
        self.downloads += 1
        return super().download(version, into=into)

    def _add(self, bundle: Path, number: int) -> ModelVersion:
        return self.add(
            digest=bundle_digest(bundle), source=str(bundle), run_id=f"run{number}", number=number
        )

    def _require_up(self) -> None:
        if self.is_down:
            raise RegistryUnavailable("The registry is down.")
