"""The store of versions in MLflow. The alias `production` of the registered model is the current state."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from typing_extensions import override

from carvalue.registry.judgement import PromotionDecision
from carvalue.registry.mlflow.bundles import fetch_bundle, fetch_evaluated, to_model_version
from carvalue.registry.mlflow.mirror import describe_decision, mirror_status
from carvalue.registry.mlflow.registering import register_bundle
from carvalue.registry.model_version import CHALLENGER, MODEL_NAME, PRODUCTION, ModelVersion
from carvalue.registry.port import VersionNotFound, VersionStore

logger = logging.getLogger(__name__)

NOT_FOUND_CODES = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class MlflowVersions(VersionStore):
    """A `VersionStore` in an MLflow server or database.

    Args:
        client: A client within the block of `connect_mlflow`, which reports a server that stops answering.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    @override
    def champion(self) -> ModelVersion | None:
        return self._by_alias(PRODUCTION)

    @override
    def challenger(self) -> ModelVersion | None:
        return self._by_alias(CHALLENGER)

    @override
    def versions(self) -> tuple[ModelVersion, ...]:
        registered = self._client.search_model_versions(f"name='{MODEL_NAME}'")
        return tuple(sorted(map(to_model_version, registered), key=lambda item: -item.version))

    @override
    def download(self, version: ModelVersion, *, into: Path) -> Path:
        return fetch_bundle(uri=self._client.tracking_uri, version=version, into=into)

    @override
    def download_evaluated(self, version: ModelVersion, *, into: Path) -> Path | None:
        return fetch_evaluated(self._client, version=version, into=into)

    @override
    def register(self, *, run_id: str, bundle: Path, evaluation: Path) -> ModelVersion:
        return to_model_version(
            register_bundle(self._client, run_id=run_id, bundle=bundle, evaluation=evaluation)
        )

    @override
    def set_champion(self, number: int) -> None:
        self._set_alias(PRODUCTION, number)
        logger.info("version in production", extra={"version": number})

    @override
    def set_challenger(self, number: int | None) -> None:
        if number is not None:
            self._set_alias(CHALLENGER, number)
        elif self.challenger() is not None:
            self._client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)

    @override
    def mirror(self, *, champion: int, targets: Sequence[int], archived: Collection[int]) -> None:
        try:
            mirror_status(self._client, champion=champion, targets=targets, archived=archived)
        except MlflowException as error:
            logger.warning("status of versions not shown", extra={"because": str(error)})

    @override
    def describe(self, version: ModelVersion, *, decision: PromotionDecision, card: Path) -> None:
        describe_decision(self._client, version, decision=decision, card=card)

    def _by_alias(self, alias: str) -> ModelVersion | None:
        try:
            return to_model_version(self._client.get_model_version_by_alias(MODEL_NAME, alias))
        except MlflowException as error:
            if error.error_code in NOT_FOUND_CODES:
                return None
            raise

    def _set_alias(self, alias: str, number: int) -> None:
        try:
            self._client.set_registered_model_alias(MODEL_NAME, alias, str(number))
        except MlflowException as error:
            if error.error_code in NOT_FOUND_CODES:
                raise VersionNotFound(f"{MODEL_NAME} has no version {number}.") from error
            raise
