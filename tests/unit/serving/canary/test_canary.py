"""A canary answers a share of the requests, and stops by itself when it does worse than production."""

import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Never

import pytest

from carvalue.journal.decisions import DecisionLog
from carvalue.journal.store import Journal
from carvalue.registry.history import summarize
from carvalue.registry.registry import CanaryImpossible, CanaryRunning, Registry
from carvalue.serving.app import create_app
from carvalue.serving.canary.canary import Canary, CanaryShare
from carvalue.serving.canary.comparison import MAX_ERRORS, MIN_QUOTES, CanaryComparison
from carvalue.serving.model.bundle_cache import BundleCache
from carvalue.serving.model.live_model import LiveModel
from carvalue.settings import Settings
from carvalue.telemetry.metrics import ServiceMetrics
from fakes import FakeRegistry
from servers import serving
from waiting import until

F150 = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000}


class Stage:
    """Processes of a price service beside a registry with version 3 in production and 4 to try."""

    def __init__(self, folder: Path, production: Path, trial: Path) -> None:
        self.folder, self.versions = folder, FakeRegistry()
        journal = Journal(f"sqlite:///{folder}/journal.db")
        journal.migrate()
        self.log = DecisionLog(journal)
        self.registry = Registry(self.versions, self.log, verify=lambda folder: None)
        self.versions.challenge(trial, version=4)
        self.versions.promote(production, version=3)
        self._numbers = count()

    def a_process(self, *, needs_signature: bool = False) -> "Process":
        return Process(self, self.folder / f"process-{next(self._numbers)}", needs_signature=needs_signature)

    @property
    def last(self) -> tuple[str, int, str]:
        decision = self.registry.history()[-1]
        return decision.act, decision.version, "; ".join(decision.reasons)


class Process:
    """What one process of the service knows of the canary."""

    def __init__(self, stage: Stage, folder: Path, *, needs_signature: bool) -> None:
        self.metrics, self.cache = ServiceMetrics(), BundleCache(folder / "canary")
        self.live = LiveModel(
            registry=stage.versions, cache=BundleCache(folder / "bundles"), metrics=self.metrics
        )
        self.canary = Canary(
            live=self.live,
            registry=stage.versions,
            decisions=stage.log,
            cache=self.cache,
            share=CanaryShare(share=1.0),
            metrics=self.metrics,
            needs_signature=needs_signature,
        )
        self.live.follow()
        self.canary.follow()

    def answering(self) -> int:
        return self.canary.model_for("shop", F150).version.version

    def quote(self, times: int = 1) -> Sequence[int]:
        model = self.canary.model_for("shop", F150)
        prices = []
        for _ in range(times):
            listings = [F150]
            quoted = (
                self.canary.quote(listings, model, lambda cars, loaded: loaded.model.quote_many(cars))
                if self.canary.is_canary(model)
                else model.model.quote_many(listings)
            )
            prices += [quote.price for quote in quoted]
        return prices


@pytest.fixture
def equal(tmp_path: Path, bundle: Path) -> Stage:
    """Production and trial have the same prices."""
    return Stage(tmp_path, bundle, bundle)


@pytest.fixture
def cheaper(tmp_path: Path, bundle: Path, cheaper_bundle: Path) -> Stage:
    """The trial's prices are a third lower."""
    return Stage(tmp_path, bundle, cheaper_bundle)


def test_a_good_canary_runs_until_its_version_is_promoted(equal: Stage) -> None:
    process = equal.a_process()
    assert process.answering() == 3

    equal.registry.start_canary(4, by="ann")
    process.canary.follow()
    process.quote(2 * MIN_QUOTES)

    assert process.answering() == 4
    states = summarize(
        equal.registry.versions(), champion=equal.registry.champion(), decisions=equal.log.all()
    )
    assert {item.version: item.state for item in states} == {3: "production", 4: "canary"}

    equal.registry.promote(4, by="ann")
    process.live.follow()
    process.canary.follow()
    assert (process.answering(), process.canary.is_canary(process.live.current())) == (4, False)


def test_other_prices_stop_it_in_every_process(cheaper: Stage) -> None:
    cheaper.registry.start_canary(4, by="ann")
    first, second = cheaper.a_process(), cheaper.a_process()
    assert (first.answering(), second.answering()) == (4, 4)

    first.quote(MIN_QUOTES)
    assert first.answering() == 3  # at once
    first.canary.follow()
    second.canary.follow()

    assert second.answering() == 3
    act, version, why = cheaper.last
    assert (act, version) == ("canary stopped", 4)
    assert "below that of production" in why
    assert first.metrics.registry.get_sample_value("carvalue_canary_stops_total", {"reason": "prices"}) == 1


def test_production_answers_what_the_canary_cannot(equal: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    equal.registry.start_canary(4, by="ann")
    process = equal.a_process()
    expected = process.live.current().model.quote(F150).price

    def fail(*_: object) -> Never:
        raise ZeroDivisionError

    # models have slots: their class is changed
    loaded = process.canary.model_for("shop", F150)
    real = type(loaded.model).quote_many
    monkeypatch.setattr(
        type(loaded.model),
        "quote_many",
        lambda model, cars: fail() if model is loaded.model else real(model, cars),
    )

    assert process.quote(MAX_ERRORS) == [expected] * MAX_ERRORS
    process.canary.follow()
    assert process.answering() == 3
    assert equal.last[2].endswith("ZeroDivisionError.")


def test_a_damaged_bundle_ends_it(equal: Stage, bundle: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle, damaged)
    (damaged / "model.ubj").write_bytes(b"")
    equal.versions.challenge(damaged, version=5)
    equal.registry.start_canary(5, by="ann")

    process = equal.a_process()
    process.canary.follow()

    assert (process.answering(), equal.last[:2]) == (3, ("canary stopped", 5))


def test_a_bundle_that_was_damaged_on_disk_is_downloaded_again(equal: Stage) -> None:
    process = equal.a_process()
    equal.registry.start_canary(4, by="ann")
    version = equal.versions.challenger()
    assert version is not None
    folder = process.cache.folder_of(version)
    equal.versions.download(version, into=folder)
    (folder / "model.ubj").write_bytes(b"")

    process.canary.follow()
    assert process.answering() == 3
    process.canary.follow()
    equal.registry.start_canary(4, by="ann")
    process.canary.follow()
    assert process.answering() == 4


def test_an_unsigned_bundle_is_no_canary_where_signatures_are_asked_for(equal: Stage) -> None:
    equal.registry.start_canary(4, by="ann")
    process = equal.a_process(needs_signature=True)
    process.canary.follow()

    assert process.answering() == 3
    assert "signatures" in equal.last[2]


def test_what_fails_with_both_versions_is_not_the_canary_s_fault(equal: Stage) -> None:
    equal.registry.start_canary(4, by="ann")
    process = equal.a_process()
    model = process.canary.model_for("shop", F150)

    def fail(*_: object) -> Never:
        raise ZeroDivisionError

    for _ in range(MAX_ERRORS):
        with pytest.raises(ZeroDivisionError):
            process.canary.quote([F150], model, fail)

    assert process.answering() == 4


def test_shadow_mode_cannot_move_while_a_canary_runs(equal: Stage) -> None:
    equal.registry.start_canary(4, by="ann")

    with pytest.raises(CanaryRunning, match="Version 4 is a canary"):
        equal.registry.challenge(None)


def test_a_stopped_canary_can_be_started_again(cheaper: Stage) -> None:
    cheaper.registry.start_canary(4, by="ann")
    process = cheaper.a_process()
    process.quote(MIN_QUOTES)
    process.canary.follow()

    cheaper.registry.start_canary(4, by="ann")
    process.canary.follow()
    assert process.answering() == 4

    assert cheaper.registry.stop_canary(by="ann") == 4
    process.canary.follow()
    assert (process.answering(), cheaper.registry.stop_canary(by="ann")) == (3, None)


def test_a_rollback_ends_it(equal: Stage) -> None:
    equal.registry.promote(4, by="ann")
    equal.registry.start_canary(3, by="ann")
    equal.registry.rollback(by="ann")

    process = equal.a_process()
    assert process.canary.is_canary(process.canary.model_for("shop", F150)) is False


def test_the_version_in_production_is_no_canary(equal: Stage) -> None:
    with pytest.raises(CanaryImpossible, match="Version 3 is in production"):
        equal.registry.start_canary(3, by="ann")


def test_a_car_gets_one_version_and_the_share_holds() -> None:
    share = CanaryShare(share=0.2, clients=frozenset({"tester"}))
    cars = [F150 | {"model": f"model{number}"} for number in range(2_000)]

    chosen = [share.includes("page/~1", car) for car in cars]

    changed = [car | {"odometer": 5, "model": f"{car['model']} xlt"} for car in cars]
    assert chosen == [
        share.includes("page/~2", car) for car in changed
    ]  # as another replica names the visitor
    assert 0.17 < sum(chosen) / len(chosen) < 0.23
    assert all(share.includes(client, car) for car in cars for client in ("tester", "tester/~1"))


def test_a_slow_canary_is_a_breach() -> None:
    comparison = CanaryComparison()
    for _ in range(MIN_QUOTES):
        comparison.add(prices=[10_000], production=[10_000], seconds=0.02, production_seconds=0.005)

    breach = comparison.breach()
    assert breach is not None
    assert (breach.reason, breach.text[:28]) == ("latency", "A request takes 20.0 ms at t")


def test_no_request_fails_while_a_canary_is_tried_and_stopped(
    tmp_path: Path, bundle: Path, cheaper_bundle: Path
) -> None:
    versions = FakeRegistry()
    versions.challenge(cheaper_bundle, version=4)
    versions.promote(bundle, version=3)
    settings = Settings(state_dir=tmp_path / "state", canary_share=0.5)
    journal = Journal(settings.journal_url.get_secret_value())
    journal.migrate()
    registry = Registry(versions, DecisionLog(journal), verify=lambda folder: None)
    registry.start_canary(4, by="ann")

    with serving(create_app(settings, registry=versions)) as client:
        until(lambda: client.get("/readyz").is_success)
        numbers = count()
        seen: list[str] = []

        def ask() -> bool:
            car = F150 | {"model": f"f-{next(numbers)}"}
            answer = client.post("/explain", json=car).raise_for_status().json()
            seen.append(answer["quote"]["model_version"])
            return registry.history()[-1].act == "canary stopped"

        until(ask)

    assert set(seen) == {"3", "4"}
    journal.close()
