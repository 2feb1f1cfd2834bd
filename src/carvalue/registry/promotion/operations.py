"""What a person does with versions: look at them, put one into production, go back to the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.errors import AppError
from carvalue.pricing import PriceModel
from carvalue.registry.audit import AuditLog
from carvalue.registry.mlflow import (
    STATUS_TAG,
    connect_mlflow,
    fetch_bundle,
    set_production,
    to_model_version,
    version_by_alias,
)
from carvalue.registry.model_version import (
    CHALLENGER,
    DATA_SOURCE_TAG,
    MODEL_NAME,
    PREVIOUS,
    PRODUCTION,
    ModelVersion,
)
from carvalue.registry.promotion.notes import DECISION_TAG, GATES_TAG

LEFT_TAG = "rolled_back"
"""On a version that people went back from: it is nothing to go back to."""


class VersionNotFound(AppError):
    """A version that MLflow does not know."""

    status, hint = 404, "`carvalue models` lists those that there are."


class NoEarlierVersion(AppError):
    """No earlier version has been in production."""

    status, hint = 409, "`carvalue models` lists the versions, `carvalue promote N` takes one."


@dataclass(frozen=True, kw_only=True)
class VersionSummary:
    """A version as people compare it.

    Attributes:
        version: its number.
        state: production, archived or candidate.
        data_source: what it learned from.
        error: its median absolute percentage error on test rows; None where it was not measured.
        coverage: the share of their prices that its ranges held, likewise.
        gates: how many gates it passed; empty where it was not judged.
        decision: why it went into production or did not.
    """

    version: int
    state: str
    data_source: str
    error: float | None
    coverage: float | None
    gates: str
    decision: str


def list_versions(uri: str) -> tuple[VersionSummary, ...]:
    """List all versions, the newest first.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        return tuple(_listed(client, found) for found in _newest_first(client))


def promote_by_hand(uri: str, number: int, *, audit: AuditLog, by: str) -> ModelVersion:
    """Put a version into production because a person wants it; it must be whole, and price as it did.

    Raises:
        VersionNotFound: MLflow does not know it.
        BundleCorrupt, BundleIncompatible: it cannot be used; production stays as it is.
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client, audit.deciding():
        wanted = _wanted(client, number)
        earlier = _switch(client, uri, wanted)
        audit.note("promoted", version=number, earlier=earlier, by=by, reasons=("by hand",))
        client.delete_model_version_tag(MODEL_NAME, wanted.version, LEFT_TAG)
        return to_model_version(wanted)


def roll_back(uri: str, *, audit: AuditLog, by: str) -> ModelVersion:
    """Put the last good version before the present one back into production.

    Raises:
        NoEarlierVersion: there is none.
        BundleCorrupt, BundleIncompatible: it cannot be used; production stays as it is.
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client, audit.deciding():
        left = version_by_alias(client, PRODUCTION)
        target = _last_good(client, left)
        if left is None or target is None:
            raise NoEarlierVersion("No earlier version has been in production.")
        earlier = _switch(client, uri, target)
        client.set_model_version_tag(MODEL_NAME, left.version, LEFT_TAG, "true")
        audit.note(
            "rolled back",
            version=int(target.version),
            earlier=earlier,
            by=by,
            reasons=(f"back from version {left.version}",),
        )
        return to_model_version(target)


def set_challenger(uri: str, number: int) -> ModelVersion:
    """Let a version quote beside production, for nobody to see but those who compare.

    Raises:
        VersionNotFound: MLflow does not know it.
        BundleCorrupt, BundleIncompatible: it cannot be used; an earlier challenger goes on.
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        version = to_model_version(_wanted(client, number))
        _try(uri, version)
        client.set_registered_model_alias(MODEL_NAME, CHALLENGER, str(number))
        return version


def clear_challenger(uri: str) -> None:
    """Let no version quote beside production any more; twice is the same as once.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        if version_by_alias(client, CHALLENGER) is not None:
            client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)


def _wanted(client: MlflowClient, number: int) -> Registered:
    for found in _newest_first(client):
        if int(found.version) == number:
            return found
    raise VersionNotFound(f"{MODEL_NAME} has no version {number}.")


def _switch(client: MlflowClient, uri: str, wanted: Registered) -> int | None:
    _try(uri, to_model_version(wanted))
    left = version_by_alias(client, PRODUCTION)
    set_production(client, version=wanted.version)
    return int(left.version) if left else None


def _try(uri: str, version: ModelVersion) -> None:
    """Fetch it as the service will, checksums and golden prices included."""
    with TemporaryDirectory() as folder:
        PriceModel.load(fetch_bundle(uri=uri, version=version, into=Path(folder) / "bundle"))


def _last_good(client: MlflowClient, left: Registered | None) -> Registered | None:
    """Prefer the one that was there just before; else the newest that ever was, and was not left."""
    previous = version_by_alias(client, PREVIOUS)
    archived = [found for found in _newest_first(client) if found.current_stage == "Archived"]
    candidates: Iterable[Registered] = [*([previous] if previous else []), *archived]
    for found in candidates:
        if LEFT_TAG not in found.tags and (left is None or found.version != left.version):
            return found
    return None


def _newest_first(client: MlflowClient) -> list[Registered]:
    found = client.search_model_versions(f"name='{MODEL_NAME}'")
    return sorted(found, key=lambda version: -int(version.version))


def _listed(client: MlflowClient, found: Registered) -> VersionSummary:
    metrics = client.get_run(found.run_id or "").data.metrics
    return VersionSummary(
        version=int(found.version),
        state=found.tags.get(STATUS_TAG, "candidate"),
        data_source=found.tags.get(DATA_SOURCE_TAG, ""),
        error=metrics.get("test_mdape"),
        coverage=metrics.get("test_coverage"),
        gates=found.tags.get(GATES_TAG, ""),
        decision=found.tags.get(DECISION_TAG, ""),
    )
