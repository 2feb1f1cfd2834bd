"""A version of the registered model: which bundle it is, and where it came from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError

MODEL_NAME = "vehicles-price-model"
EXPERIMENT = "vehicles-price"
PRODUCTION, PREVIOUS, CHALLENGER = "production", "previous", "challenger"
"""Aliases: the version that quotes, the one to go back to, the one that is tried beside."""
DIGEST_TAG, DATA_SOURCE_TAG, FINGERPRINT_TAG = "bundle.sha256", "data.source", "data.fingerprint"
TEST_TAG = "test.figures"
"""What a version scored on the test rows, as JSON."""
BUNDLE_PATH = "bundle"
"""Where a version's bundle lies among its artifacts."""


class RegistryUnavailable(AppError):
    """MLflow does not answer, or not in time."""

    status = 503
    hint = "Start it with `make up`, or point MLFLOW_TRACKING_URI at a running MLflow server."


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """One version of `vehicles-price-model`."""

    name: str
    version: int
    run_id: str
    source: str
    bundle_digest: str
    """Checksum of the bundle's manifest, which holds the checksum of every file."""
    test: Mapping[str, float] = field(default_factory=dict, compare=False)
    """What it scored on the test rows when it was registered; empty for versions of before."""

    def save(self, path: Path) -> None:
        """Write JSON for the next step."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> "ModelVersion":
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))


class ModelRegistry(Protocol):
    """What is asked of the model registry by those who quote or watch."""

    def latest(self, *, alias: str = PRODUCTION) -> ModelVersion | None:
        """Name the version that bears an alias."""

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Fetch its bundle, checksums verified."""
