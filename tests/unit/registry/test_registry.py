"""Decisions on model versions: who wins, what a crash leaves behind, and what a rollback restores."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Barrier, Thread

import pytest

from carvalue.files import BundleCorrupt
from carvalue.journal.decisions import DecisionLog, DecisionRecord
from carvalue.journal.store import Journal, JournalUnavailable
from carvalue.registry.history import rollback_targets, summarize
from carvalue.registry.in_memory import InMemoryVersions
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision
from carvalue.registry.port import VersionNotFound
from carvalue.registry.registry import (
    CanaryImpossible,
    CanaryRunning,
    ChampionChanged,
    NoEarlierVersion,
    Registry,
)
from time_limits import files_of_at_most

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GATE = GateResult(name="speed", figure=1.0, limit=5.0, passed=True, message="1 ms (at most 5)")
PASSED = PromotionDecision.from_gates([GATE])
REFUSED = PromotionDecision(promote=False, reasons=("too slow",))


class Killed(BaseException):
    """Stands for the death of the process."""


class Market:
    """A store with four versions, its log, and a registry over both."""

    def __init__(self, folder: Path, tables: Path) -> None:
        self.folder = folder
        shutil.copy(tables, folder / "journal.db")
        self.store = InMemoryVersions()
        self.versions = [self.store.add(digest=f"{number}" * 64) for number in range(1, 5)]
        self.log = self.new_log()
        self.registry = self.open()

    def new_log(self) -> DecisionLog:
        return DecisionLog(Journal(f"sqlite:///{self.folder}/journal.db"))

    def open(self, store: InMemoryVersions | None = None, log: DecisionLog | None = None) -> Registry:
        return Registry(store or self.store, log or self.log, verify=lambda folder: None, clock=lambda: NOW)

    def apply(
        self,
        number: int,
        *,
        against: int | None,
        decision: PromotionDecision = PASSED,
        registry: Registry | None = None,
    ) -> None:
        judgement = GateJudgement(version=number, against=against, decision=decision)
        (registry or self.registry).apply(
            judgement, version=self.versions[number - 1], card=Path("card.md"), by="pipeline"
        )

    @property
    def champion(self) -> int | None:
        version = self.store.champion()
        return version.version if version else None

    @property
    def switches(self) -> list[tuple[str, int, int | None]]:
        return [(item.act, item.version, item.earlier) for item in self.log.all()]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with empty tables, which is faster to copy than to migrate."""
    path = tmp_path_factory.mktemp("tables") / "journal.db"
    Journal(f"sqlite:///{path}").migrate()
    return path


@pytest.fixture
def market(tmp_path: Path, tables: Path) -> Market:
    return Market(tmp_path, tables)


def test_a_promotion_is_recorded_with_who_when_why_and_figures(market: Market) -> None:
    market.apply(1, against=None)

    (decision,) = market.registry.history()
    assert (decision.act, decision.version, decision.earlier) == ("promoted", 1, None)
    assert (decision.by, decision.at, decision.applied_at) == ("pipeline", NOW, NOW)
    assert decision.reasons == ("passed all 1 gates",)
    assert [GateResult.from_json(dict(gate)) for gate in decision.gates] == [GATE]
    assert market.champion == 1
    assert market.store.status == {1: "production", 2: "challenger", 3: "challenger", 4: "challenger"}
    assert market.store.descriptions == {1: PASSED}


def test_the_step_that_runs_again_records_nothing_twice(market: Market) -> None:
    for _ in range(2):
        market.apply(1, against=None)
        market.apply(2, against=1, decision=REFUSED)

    assert market.switches == [("promoted", 1, None), ("refused", 2, 1)]


def test_what_is_in_production_already_keeps_its_decision(market: Market) -> None:
    market.apply(1, against=None)

    market.apply(1, against=1, decision=PromotionDecision(promote=True, reasons=("in production already",)))

    assert market.store.descriptions == {1: PASSED}
    assert len(market.log.all()) == 1


def test_a_judgement_applied_again_after_a_rollback_does_not_promote_again(market: Market) -> None:
    market.apply(1, against=None)
    market.apply(2, against=1)
    market.registry.rollback(by="ann")

    market.apply(2, against=1)

    assert market.champion == 1


def test_a_version_is_promoted_only_over_the_one_it_was_compared_with(market: Market) -> None:
    market.apply(1, against=None)
    market.apply(2, against=1)

    with pytest.raises(ChampionChanged, match="3 was judged while version 1 was in production, but now ver"):
        market.apply(3, against=1)

    assert market.champion == 2


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_promotions_at_once_exactly_one_wins(market: Market, attempt: int) -> None:
    market.apply(1, against=None)
    start, losers = Barrier(2), []

    def promote(number: int) -> None:
        registry = market.open(log=market.new_log())
        start.wait()
        try:
            market.apply(number, against=1, registry=registry)
        except ChampionChanged:
            losers.append(number)

    threads = [Thread(target=promote, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (loser,) = losers
    assert market.champion == 5 - loser
    assert market.switches == [("promoted", 1, None), ("promoted", 5 - loser, 1)]


def test_of_two_people_at_once_exactly_one_wins(market: Market) -> None:
    """The second one starts from what the first one replaces while its bundle is checked."""
    market.registry.promote(1, by="ann")

    def meanwhile(_: Path) -> None:
        market.registry.promote(2, by="bob")

    slow = Registry(market.store, market.log, verify=meanwhile)
    with pytest.raises(ChampionChanged, match="Version 1 was in production, but now version 2 is"):
        slow.promote(3, by="ann")

    assert market.champion == 2


def test_a_refusal_recorded_meanwhile_does_not_stop_a_promotion(market: Market) -> None:
    market.registry.promote(1, by="ann")

    def meanwhile(_: Path) -> None:
        market.apply(4, against=1, decision=REFUSED)

    Registry(market.store, market.log, verify=meanwhile).promote(2, by="ann")

    assert market.champion == 2


WRITES = ("set_champion", "mirror", "describe", "append", "mark_applied")


class Dying:
    """A store or a log whose process dies before or after one of its writes, counted over both."""

    def __init__(self, owner: object, tick: Callable[[], None]) -> None:
        self._owner, self._tick = owner, tick

    def __getattr__(self, name: str) -> object:
        method = getattr(self._owner, name)
        if name not in WRITES:
            return method

        def call(*args: object, **kwargs: object) -> object:
            self._tick()
            answer = method(*args, **kwargs)
            self._tick()
            return answer

        return call


def dying_registry(market: Market, *, at: int) -> Registry:
    ticks = count(1)

    def tick() -> None:
        if next(ticks) == at:
            raise Killed

    return Registry(
        Dying(market.store, tick),  # type: ignore[arg-type]
        Dying(market.log, tick),  # type: ignore[arg-type]
        verify=lambda folder: None,
        clock=lambda: NOW,
    )


def crash_points(folder: Path, tables: Path, act: Callable[[Market, Registry], object]) -> list[Market]:
    """Kill the act before and after each of its writes; give what each death left behind."""
    left = []
    for at in count(1):
        (folder / str(at)).mkdir()
        market = Market(folder / str(at), tables)
        market.apply(1, against=None)
        market.apply(2, against=1)
        try:
            act(market, dying_registry(market, at=at))
        except Killed:
            left.append(market)
        else:
            return left
    raise AssertionError


def test_a_promotion_killed_at_any_write_is_completed_by_another_try(tmp_path: Path, tables: Path) -> None:
    deaths = crash_points(tmp_path, tables, lambda market, dying: market.apply(3, against=2, registry=dying))

    assert len(deaths) == 2 * len(WRITES)
    for market in deaths:
        assert market.champion in (2, 3)
        market.apply(3, against=2)
        assert market.champion == 3
        assert market.switches[2:] == [("promoted", 3, 2)]
        assert market.store.status == {1: "archived", 2: "archived", 3: "production", 4: "challenger"}
        assert market.store.descriptions[3] == PASSED


def test_what_a_killed_promotion_decided_is_completed_by_the_next_decision_of_anyone(
    tmp_path: Path, tables: Path
) -> None:
    deaths = crash_points(tmp_path, tables, lambda market, dying: market.apply(3, against=2, registry=dying))

    for market in deaths:
        decided = len(market.log.all()) == 3
        market.apply(4, against=2, decision=REFUSED)

        assert market.champion == (3 if decided else 2)
        assert market.log.all()[-1].earlier == market.champion
        assert [number for number, status in market.store.status.items() if status == "production"] == [
            market.champion
        ]


def test_a_rollback_killed_at_any_write_is_completed_and_not_repeated(tmp_path: Path, tables: Path) -> None:
    deaths = crash_points(tmp_path, tables, lambda market, dying: dying.rollback(by="ann"))

    for market in deaths:
        assert market.champion in (1, 2)
        was_decided = len(market.log.all()) == 3
        if was_decided:
            market.registry.promote(1, by="ann")
        else:
            market.registry.rollback(by="ann")
        assert market.champion == 1
        assert market.switches[2:] == [("rolled back", 1, 2)]


def test_a_slow_decider_does_not_undo_a_later_decision(market: Market) -> None:
    """It is overtaken between its decision and the alias: others complete it and decide again."""
    market.apply(1, against=None)

    class Slow(InMemoryVersions):
        overtaken = False

        def __getattribute__(self, name: str) -> object:
            return object.__getattribute__(market.store if name != "set_champion" else self, name)

        def set_champion(self, number: int | None) -> None:
            if not Slow.overtaken:
                Slow.overtaken = True
                market.apply(3, against=2)
            market.store.set_champion(number)

    market.apply(2, against=1, registry=market.open(store=Slow()))

    assert market.champion == 3
    assert market.switches == [("promoted", 1, None), ("promoted", 2, 1), ("promoted", 3, 2)]


def test_a_switch_made_in_the_registry_itself_is_accepted_and_recorded(market: Market) -> None:
    market.apply(1, against=None)
    market.apply(2, against=1)
    market.store.set_champion(1)  # an operator moves the alias by hand

    market.apply(3, against=1)

    assert market.switches[2:] == [("adopted", 1, 2), ("promoted", 3, 1)]


def test_a_registry_with_a_champion_and_no_decisions_is_taken_as_it_is(market: Market) -> None:
    market.store.set_champion(2)

    market.registry.promote(3, by="ann")

    assert market.switches == [("adopted", 2, None), ("promoted", 3, 2)]
    assert market.registry.rollback(by="ann").version == 2


def test_a_decided_version_that_was_deleted_does_not_block_later_decisions(market: Market) -> None:
    market.apply(1, against=None)
    missing = DecisionRecord(at=NOW, act="promoted", version=9, earlier=1, by="ann", reasons=("by hand",))
    market.log.append(missing, after=1)

    market.registry.promote(2, by="ann")

    assert market.champion == 2
    assert market.switches[2:] == [("adopted", 1, 9), ("promoted", 2, 1)]


def test_each_rollback_goes_one_version_back_and_never_to_a_rejected_one(market: Market) -> None:
    for number in (1, 2, 3):
        market.registry.promote(number, by="ann")

    assert [market.registry.rollback(by="ann").version for _ in range(2)] == [2, 1]
    with pytest.raises(NoEarlierVersion):
        market.registry.rollback(by="ann")

    market.registry.promote(3, by="ann")
    market.registry.promote(4, by="ann")
    assert market.registry.rollback(by="ann").version == 3  # promoted again since


def test_a_rollback_does_not_need_what_is_shown_to_people(market: Market) -> None:
    """MLflow's stages are deprecated: without them, and with wrong ones, the log decides."""
    for number in (1, 2):
        market.registry.promote(number, by="ann")
    market.store.status = {1: "challenger", 2: "archived", 3: "archived", 4: "production"}
    market.store.previous = 4

    assert market.registry.rollback(by="ann").version == 1


def test_refusals_and_missing_versions_are_no_rollback_targets(market: Market) -> None:
    for number in (1, 2, 3):
        market.registry.promote(number, by="ann")
    market.apply(4, against=3, decision=REFUSED)
    assert rollback_targets(market.log.all()) == [2, 1]
    market.store.remove(2)

    market.registry.promote(3, by="ann")
    assert market.store.previous == 1
    assert market.registry.rollback(by="ann").version == 1


def test_a_bundle_that_cannot_be_loaded_changes_nothing(market: Market) -> None:
    market.registry.promote(1, by="ann")

    def refuse(_: Path) -> None:
        raise BundleCorrupt("damaged")

    broken = Registry(market.store, market.log, verify=refuse)
    for act in (lambda: broken.promote(2, by="ann"), lambda: broken.challenge(2)):
        with pytest.raises(BundleCorrupt):
            act()
    with pytest.raises(VersionNotFound, match="no version 999"):
        market.registry.promote(999, by="ann")

    assert (market.champion, market.store.challenger(), len(market.log.all())) == (1, None, 1)


def test_a_full_disk_changes_nothing_and_blocks_nothing_later(market: Market) -> None:
    market.apply(1, against=None)
    full = (market.folder / "journal.db").stat().st_size
    long = PromotionDecision(promote=True, reasons=("x" * full,))

    with files_of_at_most(full), pytest.raises(JournalUnavailable):
        market.apply(2, against=1, decision=long)
    assert market.champion == 1

    market.apply(2, against=1)
    assert market.champion == 2


def test_a_challenger_is_set_and_removed(market: Market) -> None:
    market.registry.challenge(2)
    assert market.registry.challenger() == market.versions[1]

    for _ in range(2):
        market.registry.challenge(None)
        assert market.registry.challenger() is None


def test_versions_are_summarized_from_the_decisions(market: Market) -> None:
    market.apply(1, against=None)
    market.apply(3, against=1, decision=REFUSED)
    market.apply(2, against=1)

    summaries = summarize(
        market.registry.versions(), champion=market.store.champion(), decisions=market.log.all()
    )

    shown = [(item.version, item.state, item.gates, item.decision) for item in summaries]

    assert shown == [
        (4, "challenger", "", ""),
        (3, "challenger", "", "refused: too slow"),
        (2, "production", "1 of 1", "promoted: passed all 1 gates"),
        (1, "archived", "1 of 1", "promoted: passed all 1 gates"),
    ]


def test_a_canary_is_recorded_and_ends_with_shadow_mode(market: Market) -> None:
    market.apply(1, against=None)

    market.registry.start_canary(2, by="ann")
    running = market.registry.challenger()
    with pytest.raises(CanaryRunning, match="Version 2 is a canary"):
        market.registry.challenge(3)
    stopped = [market.registry.stop_canary(by="bob") for _ in range(2)]

    assert running == market.versions[1]
    assert stopped == [2, None]
    assert market.registry.challenger() is None
    started, ended = market.log.all()[1:]
    assert (started.act, started.version, started.earlier, started.by) == ("canary started", 2, 1, "ann")
    assert (ended.act, ended.version, ended.earlier, ended.by) == ("canary stopped", 2, 1, "bob")
    assert started.at == started.applied_at == ended.at == ended.applied_at == NOW
    assert started.reasons == ended.reasons == ("by hand",)
    assert market.champion == 1


def test_a_canary_is_another_version_beside_one_in_production(market: Market) -> None:
    with pytest.raises(CanaryImpossible, match=r"^No version is in production: a canary is another version"):
        market.registry.start_canary(1, by="ann")
    market.apply(1, against=None)
    with pytest.raises(CanaryImpossible, match=r"^Version 1 is in production"):
        market.registry.start_canary(1, by="ann")
    with pytest.raises(VersionNotFound, match="has no version 9"):
        market.registry.start_canary(9, by="ann")

    assert market.switches == [("promoted", 1, None)]
    assert market.registry.challenger() is None


def test_a_damaged_version_is_neither_canary_nor_challenger(market: Market) -> None:
    def damaged(folder: Path) -> None:
        raise BundleCorrupt("model.ubj is missing.")

    market.apply(1, against=None)
    registry = Registry(market.store, market.log, verify=damaged)

    for attempt in (lambda: registry.start_canary(2, by="ann"), lambda: registry.challenge(2)):
        with pytest.raises(BundleCorrupt):
            attempt()

    assert market.switches == [("promoted", 1, None)]
    assert registry.challenger() is None


def test_shadow_mode_runs_one_version_until_it_ends(market: Market) -> None:
    market.registry.challenge(3)
    challenger = market.registry.challenger()
    market.registry.challenge(None)

    assert challenger == market.versions[2]
    assert market.registry.challenger() is None
    assert market.log.all() == ()
