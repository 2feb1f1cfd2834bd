"""A store of versions in memory, for tests and examples."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from typing_extensions import override

from carvalue.files import atomic_folder, bundle_digest
from carvalue.registry.judgement import PromotionDecision
from carvalue.registry.model_version import EVALUATED_MODEL, MODEL_NAME, ModelVersion
from carvalue.registry.port import VersionNotFound, VersionStore


class InMemoryVersions(VersionStore):
    """A `VersionStore` that keeps versions and aliases in memory, and bundles where they are."""

    def __init__(self) -> None:
        self._versions: dict[int, ModelVersion] = {}
        self._champion: int | None = None
        self._challenger: int | None = None
        self.status: dict[int, str] = {}
        """What `mirror` showed last: `production`, `archived` or `challenger` by version."""
        self.previous: int | None = None
        """The rollback target that `mirror` showed last."""
        self._evaluations: dict[int, Path] = {}
        self.descriptions: dict[int, PromotionDecision] = {}
        """What `describe` showed last, by version."""

    def add(
        self, *, digest: str, source: str = "", run_id: str = "", number: int | None = None
    ) -> ModelVersion:
        """Add a version.

        Args:
            digest: The checksum of its bundle's manifest.
            source: The folder of its bundle; empty for a version without one.
            run_id: The training run that produced it.
            number: Its number; None for the next one.

        Returns:
            The version.
        """
        number = number or max(self._versions, default=0) + 1
        version = ModelVersion(
            name=MODEL_NAME, version=number, run_id=run_id, source=source, bundle_digest=digest
        )
        self._versions[number] = version
        return version

    def remove(self, number: int) -> None:
        """Delete a version that is in nobody's use.

        Args:
            number: The version's number.
        """
        del self._versions[number]

    @override
    def champion(self) -> ModelVersion | None:
        return None if self._champion is None else self._versions[self._champion]

    @override
    def challenger(self) -> ModelVersion | None:
        return None if self._challenger is None else self._versions[self._challenger]

    @override
    def versions(self) -> tuple[ModelVersion, ...]:
        return tuple(self._versions[number] for number in sorted(self._versions, reverse=True))

    @override
    def download(self, version: ModelVersion, *, into: Path) -> Path:
        source = self._versions[version.version].source
        with atomic_folder(into) as folder:
            if source:
                shutil.copytree(source, folder, dirs_exist_ok=True)
        return into

    @override
    def download_evaluated(self, version: ModelVersion, *, into: Path) -> Path | None:
        source = self._evaluations.get(version.version, Path()) / EVALUATED_MODEL
        if not source.is_dir():
            return None
        with atomic_folder(into) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)
        return into

    @override
    def register(self, *, run_id: str, bundle: Path, evaluation: Path) -> ModelVersion:
        digest = bundle_digest(bundle)
        for version in self._versions.values():
            if (version.run_id, version.bundle_digest) == (run_id, digest):
                return version
        added = self.add(digest=digest, source=str(bundle), run_id=run_id)
        self._evaluations[added.version] = evaluation
        return added

    def set_champion(self, number: int | None) -> None:
        """Put a version into production.

        Args:
            number: The version's number; None for no version, as if the alias were deleted.

        Raises:
            VersionNotFound: There is no such version.
        """
        self._require(number)
        self._champion = number

    @override
    def set_challenger(self, number: int | None) -> None:
        self._require(number)
        self._challenger = number

    @override
    def mirror(self, *, champion: int, targets: Sequence[int], archived: Collection[int]) -> None:
        for number in self._versions:
            other = "archived" if number in archived else "challenger"
            self.status[number] = "production" if number == champion else other
        self.previous = next((number for number in targets if number in self._versions), None)

    @override
    def describe(self, version: ModelVersion, *, decision: PromotionDecision, card: Path) -> None:
        self.descriptions[version.version] = decision

    def _require(self, number: int | None) -> None:
        if number is not None and number not in self._versions:
            raise VersionNotFound(f"{MODEL_NAME} has no version {number}.")
