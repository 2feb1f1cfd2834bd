"""Manual operations on versions: list them, promote one, roll back, and set the challenger."""

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

ROLLED_BACK_TAG = "rolled_back"
"""Marks a version that production was rolled back from; later rollbacks do not restore it."""


class VersionNotFound(AppError):
    """The registered model does not have this version."""

    status, hint = 404, "`carvalue models` lists the existing versions."


class NoEarlierVersion(AppError):
    """There is no earlier version to roll back to."""

    status, hint = 409, "`carvalue models` lists the versions, `carvalue promote N` promotes one."


@dataclass(frozen=True, kw_only=True)
class VersionSummary:
    """A version with the figures that people compare.

    Attributes:
        version: The version's number.
        state: `production`, `archived` or `candidate`.
        data_source: The kind of data source of its training.
        error: Its median absolute percentage error on the test rows; None if it was not measured.
        coverage: The share of test prices within its price ranges; None if it was not measured.
        gates: How many gates it passed, for example `10 of 10`; empty if it was not judged.
        decision: The summary of the promotion decision; empty if it was not judged.
    """

    version: int
    state: str
    data_source: str
    error: float | None
    coverage: float | None
    gates: str
    decision: str


def list_versions(uri: str) -> tuple[VersionSummary, ...]:
    """List all versions.

    Args:
        uri: The URI of the MLflow server or database.

    Returns:
        The versions, newest first.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        return tuple(_summary(client, version) for version in _newest_first(client))


def promote_manually(uri: str, number: int, *, audit: AuditLog, by: str) -> ModelVersion:
    """Put a version into production without running the gates; its bundle must load.

    Args:
        uri: The URI of the MLflow server or database.
        number: The version's number.
        audit: The audit log to append to.
        by: The name of the person who promotes it.

    Returns:
        The version.

    Raises:
        VersionNotFound: The version does not exist.
        BundleCorrupt: Its bundle is damaged; production is unchanged.
        BundleIncompatible: Its bundle cannot be read by this program; production is unchanged.
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client, audit.exclusive():
        registered = _find(client, number)
        earlier = _switch(client, uri, registered)
        audit.append("promoted", version=number, earlier=earlier, by=by, reasons=("by hand",))
        client.delete_model_version_tag(MODEL_NAME, registered.version, ROLLED_BACK_TAG)
        return to_model_version(registered)


def roll_back(uri: str, *, audit: AuditLog, by: str) -> ModelVersion:
    """Put the version that was in production before back into production.

    A version that production was rolled back from is skipped.

    Args:
        uri: The URI of the MLflow server or database.
        audit: The audit log to append to.
        by: The name of the person who rolls back.

    Returns:
        The restored version.

    Raises:
        NoEarlierVersion: There is no version to restore.
        BundleCorrupt: Its bundle is damaged; production is unchanged.
        BundleIncompatible: Its bundle cannot be read by this program; production is unchanged.
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client, audit.exclusive():
        current = version_by_alias(client, PRODUCTION)
        target = _rollback_target(client, current)
        if current is None or target is None:
            raise NoEarlierVersion("No earlier version has been in production.")
        earlier = _switch(client, uri, target)
        client.set_model_version_tag(MODEL_NAME, current.version, ROLLED_BACK_TAG, "true")
        audit.append(
            "rolled back",
            version=int(target.version),
            earlier=earlier,
            by=by,
            reasons=(f"back from version {current.version}",),
        )
        return to_model_version(target)


def set_challenger(uri: str, number: int) -> ModelVersion:
    """Run a version in shadow mode: it quotes every request, and its quotes are recorded but not returned.

    Args:
        uri: The URI of the MLflow server or database.
        number: The version's number.

    Returns:
        The version.

    Raises:
        VersionNotFound: The version does not exist.
        BundleCorrupt: Its bundle is damaged; the challenger is unchanged.
        BundleIncompatible: Its bundle cannot be read by this program; the challenger is unchanged.
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        version = to_model_version(_find(client, number))
        _check_loads(uri, version)
        client.set_registered_model_alias(MODEL_NAME, CHALLENGER, str(number))
        return version


def clear_challenger(uri: str) -> None:
    """Remove the challenger; idempotent.

    Args:
        uri: The URI of the MLflow server or database.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        if version_by_alias(client, CHALLENGER) is not None:
            client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)


def _find(client: MlflowClient, number: int) -> Registered:
    for registered in _newest_first(client):
        if int(registered.version) == number:
            return registered
    raise VersionNotFound(f"{MODEL_NAME} has no version {number}.")


def _switch(client: MlflowClient, uri: str, target: Registered) -> int | None:
    """Put a version into production, and return the number of the one before."""
    _check_loads(uri, to_model_version(target))
    current = version_by_alias(client, PRODUCTION)
    set_production(client, version=target.version)
    return int(current.version) if current else None


def _check_loads(uri: str, version: ModelVersion) -> None:
    """Load the bundle as the price service does, with its checksums and golden quotes."""
    with TemporaryDirectory() as folder:
        PriceModel.load(fetch_bundle(uri=uri, version=version, into=Path(folder) / "bundle"))


def _rollback_target(client: MlflowClient, current: Registered | None) -> Registered | None:
    """Choose the version with the alias `previous`, or else the newest archived one not rolled back."""
    previous = version_by_alias(client, PREVIOUS)
    archived = [version for version in _newest_first(client) if version.current_stage == "Archived"]
    candidates: Iterable[Registered] = [*([previous] if previous else []), *archived]
    for version in candidates:
        if ROLLED_BACK_TAG not in version.tags and (current is None or version.version != current.version):
            return version
    return None


def _newest_first(client: MlflowClient) -> list[Registered]:
    versions = client.search_model_versions(f"name='{MODEL_NAME}'")
    return sorted(versions, key=lambda version: -int(version.version))


def _summary(client: MlflowClient, version: Registered) -> VersionSummary:
    metrics = client.get_run(version.run_id or "").data.metrics
    return VersionSummary(
        version=int(version.version),
        state=version.tags.get(STATUS_TAG, "candidate"),
        data_source=version.tags.get(DATA_SOURCE_TAG, ""),
        error=metrics.get("test_mdape"),
        coverage=metrics.get("test_coverage"),
        gates=version.tags.get(GATES_TAG, ""),
        decision=version.tags.get(DECISION_TAG, ""),
    )
