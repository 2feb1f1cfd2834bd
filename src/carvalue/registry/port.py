"""The interfaces of the model registry: for readers, for those who add versions, and for the store."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError
from carvalue.registry.judgement import PromotionDecision
from carvalue.registry.model_version import ModelVersion


class VersionNotFound(AppError):
    """The registered model does not have this version."""

    status, hint = 404, "`carvalue models` lists the existing versions."


class RegistryReader(Protocol):
    """What the price service and the watcher need of the registry."""

    def champion(self) -> ModelVersion | None:
        """Find the version in production.

        Returns:
            The version; None if there is none.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """

    def challenger(self) -> ModelVersion | None:
        """Find the version in shadow mode.

        Returns:
            The version; None if there is none.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Download a version's bundle and verify it; the folder appears only when it is complete.

        Args:
            version: The version.
            into: The folder to write; an existing one is replaced.

        Returns:
            The folder `into`.

        Raises:
            RegistryUnavailable: The registry does not answer.
            BundleCorrupt: The downloaded bundle differs from the registered one.
            BundleIncompatible: The bundle has another format than this program reads.
        """


class VersionCatalog(RegistryReader, Protocol):
    """What pipelines and operators need besides: all versions, and a way to add one."""

    def versions(self) -> tuple[ModelVersion, ...]:
        """List all versions.

        Returns:
            The versions, newest first.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """

    def download_evaluated(self, version: ModelVersion, *, into: Path) -> Path | None:
        """Download the bundle that a version's evaluation measured, before the last fit on all listings.

        Args:
            version: The version.
            into: The folder to write; an existing one is replaced.

        Returns:
            The folder `into`; None if the version was registered without it, as release 0.2 did.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """

    def register(self, *, run_id: str, bundle: Path, evaluation: Path) -> ModelVersion:
        """Store a bundle and its evaluation as a new version; idempotent for one bundle of one run.

        Args:
            run_id: The training run that produced the bundle.
            bundle: The bundle's folder.
            evaluation: The folder of its evaluation.

        Returns:
            The version.

        Raises:
            RegistryUnavailable: The registry does not answer.
            BundleCorrupt: The folder has no complete bundle.
        """


class VersionStore(VersionCatalog, Protocol):
    """Where versions and their aliases are stored: MLflow, or memory in tests.

    `set_champion` is the one write that decides what quotes; `mirror` and `describe` only show people what
    was decided, and nothing reads what they write.
    """

    def set_champion(self, number: int) -> None:
        """Put a version into production; idempotent.

        Args:
            number: The version's number.

        Raises:
            VersionNotFound: There is no such version.
            RegistryUnavailable: The registry does not answer.
        """

    def set_challenger(self, number: int | None) -> None:
        """Put a version into shadow mode, or end shadow mode; idempotent.

        Args:
            number: The version's number; None for no version.

        Raises:
            VersionNotFound: There is no such version.
            RegistryUnavailable: The registry does not answer.
        """

    def mirror(self, *, champion: int, targets: Sequence[int], archived: Collection[int]) -> None:
        """Show on every version whether it is in production, was in production, or never was; idempotent.

        What cannot be shown is logged, and repaired by the next call.

        Args:
            champion: The version in production.
            targets: The versions that a rollback may restore, the best one first; some may be deleted.
            archived: The versions that were in production before.
        """

    def describe(self, version: ModelVersion, *, decision: PromotionDecision, card: Path) -> None:
        """Show a decision with its reasons on the version and in its model card; idempotent.

        Args:
            version: The version.
            decision: The decision.
            card: The model card, a Markdown file; the decision becomes its last section.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """
