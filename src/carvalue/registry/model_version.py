"""Versions of the registered model, and the interface of the model registry."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError

MODEL_NAME = "vehicles-price-model"
EXPERIMENT = "vehicles-price"
PRODUCTION, PREVIOUS, CHALLENGER = "production", "previous", "challenger"
"""MLflow aliases: the version that quotes prices, the one to roll back to, and the one in shadow mode."""
DIGEST_TAG, DATA_SOURCE_TAG, FINGERPRINT_TAG = "bundle.sha256", "data.source", "data.fingerprint"
TEST_TAG = "test.figures"
"""The tag with a version's metrics on the test rows, as JSON."""
BUNDLE_PATH = "bundle"
"""The path of a version's bundle among its artifacts."""


class RegistryUnavailable(AppError):
    """MLflow does not answer, or does not answer in time."""

    status = 503
    hint = "Start it with `make up`, or point MLFLOW_TRACKING_URI at a running MLflow server."


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """One version of the registered model.

    Attributes:
        name: The name of the registered model.
        version: The version's number.
        run_id: The MLflow run that trained it.
        source: The URI of its artifacts.
        bundle_digest: The checksum of the bundle's manifest, which has the checksum of every other file.
        test: Metrics on the test rows at registration, by name; empty if they were not recorded.

    Example:
        >>> from pathlib import Path
        >>> version = ModelVersion(name=MODEL_NAME, version=3, run_id="r", source="s", bundle_digest="f00d")
        >>> version.save(Path("version.json"))
        >>> ModelVersion.load(Path("version.json")) == version
        True
    """

    name: str
    version: int
    run_id: str
    source: str
    bundle_digest: str
    test: Mapping[str, float] = field(default_factory=dict, compare=False)

    def save(self, path: Path) -> None:
        """Write the version as JSON.

        Args:
            path: The file to write.
        """
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> "ModelVersion":
        """Read a version that `save` wrote.

        Args:
            path: The JSON file.

        Returns:
            The version.
        """
        return cls(**json.loads(path.read_text()))


class ModelRegistry(Protocol):
    """The interface of the model registry for the price service and the watcher."""

    def latest(self, *, alias: str = PRODUCTION) -> ModelVersion | None:
        """Find the version that has an alias.

        Args:
            alias: The alias.

        Returns:
            The version; None if no version has the alias.
        """

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Download a version's bundle and verify its checksums.

        Args:
            version: The version.
            into: The folder to write.

        Returns:
            The folder `into`.
        """
