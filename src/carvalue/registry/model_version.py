"""Versions of the registered model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from carvalue.errors import AppError
from carvalue.files import StoredFormat

MODEL_NAME = "vehicles-price-model"
EXPERIMENT = "vehicles-price"
PRODUCTION, PREVIOUS, CHALLENGER = "production", "previous", "challenger"
"""MLflow aliases: the version that quotes prices, the one to roll back to, and the one in shadow mode."""
DIGEST_TAG, DATA_SOURCE_TAG, FINGERPRINT_TAG = "bundle.sha256", "data.source", "data.fingerprint"
TEST_TAG = "test.figures"
"""The tag with a version's metrics on the test rows, as JSON."""
BUNDLE_PATH = "bundle"
"""The path of a version's bundle among its artifacts."""
EVALUATION_PATH = "evaluation"
"""The path of a version's evaluation among the artifacts of its run."""
EVALUATED_MODEL = "model"
"""The folder of the evaluated bundle within that of an evaluation."""


NOTHING_YET = "nothing in production yet"
"""What is said where a version in production is needed and none was promoted."""
VERSION_FORMAT = StoredFormat(kind="model version")


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
        data_source: The kind of data source of its training; known to the registry only, `save` omits it.
        dataset_fingerprint: The hash of its training data; known to the registry only, `save` omits it.

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
    data_source: str = field(default="", compare=False)
    dataset_fingerprint: str = field(default="", compare=False)

    def save(self, path: Path) -> None:
        """Write the version as JSON, without its format: release 0.1 refuses fields that it does not know.

        Args:
            path: The file to write.
        """
        content = asdict(self)
        for name in ("data_source", "dataset_fingerprint"):  # earlier releases cannot read files with them
            del content[name]
        path.write_text(json.dumps(content, indent=1))

    @classmethod
    def load(cls, path: Path) -> "ModelVersion":
        """Read a version that `save` wrote.

        Args:
            path: The JSON file.

        Returns:
            The version.

        Raises:
            FormatUnknown: A newer release wrote the file.
        """
        return cls(**VERSION_FORMAT.load(path.read_text(), source=path))

    @classmethod
    def from_tags(
        cls, tags: Mapping[str, str], *, name: str, number: int, run_id: str, source: str
    ) -> "ModelVersion":
        """Build a version from the tags that it was registered with.

        Args:
            tags: The tags of the version in MLflow.
            name: The name of the registered model.
            number: The version's number.
            run_id: The MLflow run that trained it.
            source: The URI of its artifacts.

        Returns:
            The version.

        Raises:
            ValueError: The tag with the metrics is not JSON.
        """
        return cls(
            name=name,
            version=number,
            run_id=run_id,
            source=source,
            bundle_digest=tags.get(DIGEST_TAG, ""),
            test=json.loads(tags.get(TEST_TAG, "{}")),
            data_source=tags.get(DATA_SOURCE_TAG, ""),
            dataset_fingerprint=tags.get(FINGERPRINT_TAG, ""),
        )
