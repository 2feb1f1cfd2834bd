"""The store of versions in MLflow. The alias `production` of the registered model is the current state."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from carvalue.registry.judgement import PromotionDecision
from carvalue.registry.mlflow.bundles import fetch_bundle, to_model_version
from carvalue.registry.mlflow.mirror import describe_decision, mirror_status
from carvalue.registry.mlflow.registering import register_bundle
from carvalue.registry.model_version import CHALLENGER, MODEL_NAME, PRODUCTION, ModelVersion
from carvalue.registry.port import VersionNotFound

logger = logging.getLogger(__name__)

NOT_FOUND_CODES = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class MlflowVersions:
    """A `VersionStore` in an MLflow server or database.

    Args:
        client: A client within the block of `connect_mlflow`, which reports a server that stops answering.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def champion(self) -> ModelVersion | None:
        """Find the version with the alias `production`.

        Returns:
            The version; None if there is none.
        """
        return self._by_alias(PRODUCTION)

    def challenger(self) -> ModelVersion | None:
        """Find the version with the alias `challenger`.

        Returns:
            The version; None if there is none.
        """
        return self._by_alias(CHALLENGER)

    def versions(self) -> tuple[ModelVersion, ...]:
        """List all versions.

        Returns:
            The versions, newest first.
        """
        registered = self._client.search_model_versions(f"name='{MODEL_NAME}'")
        return tuple(sorted(map(to_model_version, registered), key=lambda item: -item.version))

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Download a version's bundle and verify it; the folder appears only when it is complete.

        Args:
            version: The version.
            into: The folder to write; an existing one is replaced.

        Returns:
            The folder `into`.

        Raises:
            BundleCorrupt: The downloaded bundle differs from the registered one.
            BundleIncompatible: The bundle has another format than this program reads.
        """
        return fetch_bundle(uri=self._client.tracking_uri, version=version, into=into)

    def register(self, *, run_id: str, bundle: Path, evaluation: Path) -> ModelVersion:
        """Register a bundle with its evaluation; idempotent for one bundle of one run.

        Args:
            run_id: The training run that produced the bundle.
            bundle: The bundle's folder.
            evaluation: The folder of its evaluation.

        Returns:
            The version.

        Raises:
            BundleCorrupt: The folder has no complete bundle.
        """
        return to_model_version(
            register_bundle(self._client, run_id=run_id, bundle=bundle, evaluation=evaluation)
        )

    def set_champion(self, number: int) -> None:
        """Set the alias `production`.

        Args:
            number: The version's number.

        Raises:
            VersionNotFound: There is no such version.
        """
        self._set_alias(PRODUCTION, number)
        logger.info("version in production", extra={"version": number})

    def set_challenger(self, number: int | None) -> None:
        """Set or delete the alias `challenger`.

        Args:
            number: The version's number; None to delete the alias.

        Raises:
            VersionNotFound: There is no such version.
        """
        if number is not None:
            self._set_alias(CHALLENGER, number)
        elif self.challenger() is not None:
            self._client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)

    def mirror(self, *, champion: int, targets: Sequence[int], archived: Collection[int]) -> None:
        """Set the status tag, the stage and the alias `previous`, for people who use MLflow's pages.

        Args:
            champion: The version in production.
            targets: The versions that a rollback may restore, the best one first; some may be deleted.
            archived: The versions that were in production before.
        """
        try:
            mirror_status(self._client, champion=champion, targets=targets, archived=archived)
        except MlflowException as error:
            logger.warning("status of versions not shown", extra={"because": str(error)})

    def describe(self, version: ModelVersion, *, decision: PromotionDecision, card: Path) -> None:
        """Write a decision to the training run, to the version's description and to its model card.

        Args:
            version: The version.
            decision: The decision.
            card: The model card, a Markdown file; the decision becomes its last section.
        """
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
