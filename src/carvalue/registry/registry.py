"""The model registry: which version is in production, how that changes, and how it came about.

A switch of the version in production is decided by a row in the log of decisions and then carried out by the
alias of the version store:

1. The decision is appended to the log. The database accepts it only if no other decision was made since the
   log was read, so of several deciders exactly one succeeds.
2. The alias is set, and the version is published where a place for it is set. Now the price service follows.
3. The row is marked as applied, and MLflow's stage, tags and texts are updated for people.

After a crash between two of these writes, the next decision of anyone first completes the interrupted one. An
alias that differs from an applied decision was moved in MLflow itself: it is accepted, and recorded.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from typing_extensions import override

from carvalue.errors import AppError
from carvalue.journal import Act, DecisionLog, DecisionRecord
from carvalue.registry.history import last_switch, rollback_targets, were_in_production
from carvalue.registry.judgement import GateJudgement
from carvalue.registry.model_version import MODEL_NAME, ModelVersion
from carvalue.registry.port import VersionCatalog, VersionNotFound, VersionStore
from carvalue.registry.publication import Publication

logger = logging.getLogger(__name__)


class ChampionChanged(AppError):
    """Another decision changed the version in production in the meantime."""

    status = 409
    hint = "`carvalue models` shows the version in production; judge or promote again if it is still right."


class NoEarlierVersion(AppError):
    """There is no earlier version to roll back to."""

    status, hint = 409, "`carvalue models` lists the versions, `carvalue promote N` promotes one."


class CanaryImpossible(AppError):
    """A version cannot be served beside the one in production."""

    status, hint = 409, "`carvalue models` lists the versions and the one in production."


class CanaryRunning(AppError):
    """A version is served as a canary."""

    status, hint = 409, "`carvalue canary off` ends it."


class NothingToPublish(AppError):
    """There is no version in production, or no place to publish it."""

    status, hint = 409, "Set BUNDLE_URL, and promote a version with `carvalue promote N`."


@dataclass(frozen=True)
class _State:
    """The log and the version in production, which agree."""

    decisions: tuple[DecisionRecord, ...]
    champion: int | None

    @property
    def last(self) -> int:
        return self.decisions[-1].number if self.decisions else 0


class Registry(VersionCatalog):
    """The model registry over a store of versions and the log of decisions.

    Args:
        versions: The versions and their aliases.
        decisions: The log of decisions.
        verify: Loads a bundle's folder as the price service does, and raises an error if it cannot.
        publication: Where each version that goes into production is published; None for nowhere.
        clock: Returns the current time, with a time zone.

    >>> from carvalue.journal import Journal
    >>> from carvalue.registry import InMemoryVersions
    >>> store = InMemoryVersions()
    >>> one, two = (store.add(digest=digest) for digest in ("f00d", "beef"))
    >>> log = DecisionLog(Journal("sqlite:///registry.db"))
    >>> registry = Registry(store, log, verify=lambda folder: None)
    >>> for version in (one, two):
    ...     _ = registry.promote(version.version, by="ann")
    >>> registry.rollback(by="ann").version
    1
    >>> [(decision.act, decision.version, decision.earlier) for decision in registry.history()]
    [('promoted', 1, None), ('promoted', 2, 1), ('rolled back', 1, 2)]
    """

    def __init__(
        self,
        versions: VersionStore,
        decisions: DecisionLog,
        *,
        verify: Callable[[Path], object],
        publication: Publication | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._log, self._verify, self._clock = versions, decisions, verify, clock
        self._publication = publication

    @override
    def champion(self) -> ModelVersion | None:
        return self._store.champion()

    @override
    def challenger(self) -> ModelVersion | None:
        return self._store.challenger()

    @override
    def versions(self) -> tuple[ModelVersion, ...]:
        return self._store.versions()

    @override
    def download(self, version: ModelVersion, *, into: Path) -> Path:
        return self._store.download(version, into=into)

    @override
    def download_evaluated(self, version: ModelVersion, *, into: Path) -> Path | None:
        return self._store.download_evaluated(version, into=into)

    def history(self) -> tuple[DecisionRecord, ...]:
        """Read all decisions.

        Returns:
            The decisions, oldest first.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        return self._log.all()

    @override
    def register(self, *, run_id: str, bundle: Path, evaluation: Path) -> ModelVersion:
        return self._store.register(run_id=run_id, bundle=bundle, evaluation=evaluation)

    def challenge(self, number: int | None) -> None:
        """Run a version in shadow mode, or none: it quotes every request, and its quotes are not shown.

        Args:
            number: The version's number; None to end shadow mode.

        Raises:
            CanaryRunning: A canary is the challenger.
            VersionNotFound: The version does not exist.
            BundleCorrupt: Its bundle is damaged; the challenger is unchanged.
            BundleIncompatible: Its bundle cannot be read by this program; the challenger is unchanged.
            RegistryUnavailable: The registry does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """
        if (start := self._log.canary_start()) is not None:
            raise CanaryRunning(f"Version {start.version} is a canary, and with that in shadow mode.")
        self._challenge(number)

    def _challenge(self, number: int | None) -> None:
        if number is not None:
            self._check_usable(number)
        self._store.set_challenger(number)

    def start_canary(self, number: int, *, by: str) -> None:
        """Serve a share of the requests with a version, beside the one in production; replaces a canary.

        The version also becomes the challenger of shadow mode. Services follow the recorded decision.

        Args:
            number: The version's number.
            by: The name of the person who starts it.

        Raises:
            CanaryImpossible: The version is in production, or none is.
            VersionNotFound: The version does not exist.
            BundleCorrupt: Its bundle is damaged; nothing changes.
            BundleIncompatible: Its bundle cannot be read by this program; nothing changes.
            RegistryUnavailable: The registry does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """
        champion = self._settle().champion
        if champion is None or champion == number:
            raise CanaryImpossible(
                f"{_named(champion).capitalize()} is in production: a canary is another version beside it."
            )
        self._challenge(number)
        self._record_canary("canary started", number, by=by, reason="by hand")

    def stop_canary(self, *, by: str) -> int | None:
        """Stop the canary, and shadow mode with it.

        Args:
            by: The name of the person who stops it.

        Returns:
            The number of its version; None if no canary ran.

        Raises:
            RegistryUnavailable: The registry does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """
        start = self._log.canary_start()
        if start is None:
            return None
        self._record_canary("canary stopped", start.version, by=by, reason="by hand")
        self._store.set_challenger(None)
        return start.version

    def _record_canary(self, act: Act, number: int, *, by: str, reason: str) -> None:
        def decision(state: _State) -> DecisionRecord:
            now = self._clock()
            return DecisionRecord(
                at=now,
                act=act,
                version=number,
                earlier=state.champion,
                by=by,
                reasons=(reason,),
                applied_at=now,
            )

        self._decide(decision)

    def apply(self, judgement: GateJudgement, *, version: ModelVersion, card: Path, by: str) -> None:
        """Promote or refuse a version as judged, and record the decision.

        Idempotent: after an interruption at any point, a second call completes the first.

        Args:
            judgement: The judgement of the version.
            version: The judged version.
            card: The version's model card, a Markdown file; the decision becomes its last section.
            by: Who decides.

        Raises:
            ChampionChanged: The version in production is not the one that the version was compared with.
            RegistryUnavailable: The registry does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """

        def decision(state: _State) -> DecisionRecord | None:
            is_champion = judgement.decision.promote and state.champion == judgement.version
            if is_champion or any(earlier.key == judgement.key for earlier in state.decisions):
                return None
            if judgement.decision.promote and state.champion != judgement.against:
                raise ChampionChanged(_change_message(judgement, now=state.champion))
            return DecisionRecord(
                at=self._clock(),
                act="promoted" if judgement.decision.promote else "refused",
                version=judgement.version,
                earlier=state.champion,
                by=by,
                reasons=judgement.decision.reasons,
                gates=tuple(gate.as_json() for gate in judgement.decision.gates),
                key=judgement.key,
            )

        self._decide(decision)
        if any(recorded.key == judgement.key for recorded in self._log.all()):
            self._store.describe(version, decision=judgement.decision, card=card)

    def promote(self, number: int, *, by: str) -> ModelVersion:
        """Put a version into production without running the gates; its bundle must load.

        Args:
            number: The version's number.
            by: The name of the person who promotes it.

        Returns:
            The version.

        Raises:
            VersionNotFound: The version does not exist.
            BundleCorrupt: Its bundle is damaged; production is unchanged.
            BundleIncompatible: Its bundle cannot be read by this program; production is unchanged.
            ChampionChanged: Somebody else changed the version in production meanwhile.
            RegistryUnavailable: The registry does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """
        replaced = self._settle().champion
        version = self._check_usable(number)
        self._switch(version, replaced=replaced, act="promoted", by=by, reason="by hand")
        return version

    def rollback(self, *, by: str) -> ModelVersion:
        """Put the version that was in production before back into production.

        A version that production was rolled back from is skipped, unless it was promoted again.

        Args:
            by: The name of the person who rolls back.

        Returns:
            The restored version.

        Raises:
            NoEarlierVersion: There is no version to restore.
            BundleCorrupt: Its bundle is damaged; production is unchanged.
            BundleIncompatible: Its bundle cannot be read by this program; production is unchanged.
            ChampionChanged: Somebody else changed the version in production meanwhile.
            RegistryUnavailable: The registry does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """
        state = self._settle()
        existing = {version.version for version in self._store.versions()}
        targets = [number for number in rollback_targets(state.decisions) if number in existing]
        if state.champion is None or not targets:
            raise NoEarlierVersion("No earlier version has been in production.")
        version = self._check_usable(targets[0])
        reason = f"back from version {state.champion}"
        self._switch(version, replaced=state.champion, act="rolled back", by=by, reason=reason)
        return version

    def publish(self) -> ModelVersion:
        """Publish the version in production again, for readers that do without the registry.

        Returns:
            The version.

        Raises:
            NothingToPublish: There is no version in production, or no place to publish it.
            BundleCorrupt: Its bundle is damaged.
            RegistryUnavailable: The registry does not answer.
            StorageUnavailable: The place of the published versions does not answer.
            JournalUnavailable: The database of decisions does not answer.
        """
        champion = self._settle().champion
        if self._publication is None:
            raise NothingToPublish("BUNDLE_URL is empty: there is no place to publish to.")
        if champion is None:
            raise NothingToPublish("There is no version in production yet.")
        return self._publish(self._publication, champion)

    def _publish(self, publication: Publication, number: int) -> ModelVersion:
        version = self._find(number)
        with TemporaryDirectory() as folder:
            publication.publish(version, self._store.download(version, into=Path(folder) / "bundle"))
        return version

    def _switch(self, version: ModelVersion, *, replaced: int | None, act: Act, by: str, reason: str) -> None:
        def decision(state: _State) -> DecisionRecord | None:
            if state.champion == version.version:
                return None
            if state.champion != replaced:
                raise ChampionChanged(
                    f"{_named(replaced).capitalize()} was in production, but now {_named(state.champion)} is."
                )
            return DecisionRecord(
                at=self._clock(),
                act=act,
                version=version.version,
                earlier=replaced,
                by=by,
                reasons=(reason,),
            )

        self._decide(decision)

    def _decide(self, decision_for: Callable[[_State], DecisionRecord | None]) -> None:
        """Record a decision and carry it out; made anew while others decide at the same time."""
        while True:
            state = self._settle()
            decision = decision_for(state)
            if decision is None or self._log.append(decision, after=state.last):
                break
        is_switch = decision is not None and decision.is_switch
        self._mirror(self._carry_out() if is_switch else state.decisions)

    def _settle(self) -> _State:
        """Complete an interrupted switch, or accept one that was made in MLflow itself."""
        while True:
            # the log is read before the alias, so that a decision made in between makes `append` fail
            decisions = self._log.all()
            switch = last_switch(decisions)
            if switch is not None and switch.applied_at is None:
                self._mirror(self._carry_out())
                continue
            champion = self._store.champion()
            state = _State(decisions, champion.version if champion else None)
            if champion is None or (switch is not None and switch.version == champion.version):
                return state
            self._log.append(self._adoption(switch, champion), after=state.last)

    def _carry_out(self) -> tuple[DecisionRecord, ...]:
        """Set the alias to the last decision, and again if another one was made meanwhile."""
        decisions, carried_out = self._log.all(), 0
        while (switch := last_switch(decisions)) is not None and switch.number != carried_out:
            try:
                self._store.set_champion(switch.version)
                if self._publication is not None:
                    self._publish(self._publication, switch.version)
            except VersionNotFound as error:  # deleted since: what is in production stays
                logger.warning("decision cannot be carried out", extra={"because": str(error)})
            self._log.mark_applied(switch.number, at=self._clock())
            decisions, carried_out = self._log.all(), switch.number
        return decisions

    def _adoption(self, switch: DecisionRecord | None, champion: ModelVersion) -> DecisionRecord:
        now = self._clock()
        return DecisionRecord(
            at=now,
            act="adopted",
            version=champion.version,
            earlier=switch.version if switch else None,
            by="unknown",
            reasons=("found in production in the registry, without a recorded decision",),
            applied_at=now,
        )

    def _mirror(self, decisions: tuple[DecisionRecord, ...]) -> None:
        switch = last_switch(decisions)
        if switch is not None:
            self._store.mirror(
                champion=switch.version,
                targets=rollback_targets(decisions),
                archived=were_in_production(decisions) - {switch.version},
            )

    def _check_usable(self, number: int) -> ModelVersion:
        """Load a version's bundle as the price service does, with its checksums and golden quotes."""
        version = self._find(number)
        with TemporaryDirectory() as folder:
            self._verify(self._store.download(version, into=Path(folder) / "bundle"))
        return version

    def _find(self, number: int) -> ModelVersion:
        for version in self._store.versions():
            if version.version == number:
                return version
        raise VersionNotFound(f"{MODEL_NAME} has no version {number}.")


def _change_message(judgement: GateJudgement, *, now: int | None) -> str:
    before = _named(judgement.against)
    return (
        f"Version {judgement.version} was judged while {before} was in production, but now {_named(now)} is."
    )


def _named(number: int | None) -> str:
    return "no version" if number is None else f"version {number}"
