"""The watcher checks every quote of the version in production once, and raises alerts."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace
from prometheus_client import generate_latest
from sqlalchemy import update

from carvalue.files import LocalFolder, StorageUnavailable, StoredCopy
from carvalue.journal.decisions import DecisionRecord
from carvalue.journal.entries import JournalEntry
from carvalue.journal.leased_state import LEASE, LeasedState
from carvalue.journal.schema import QUOTES
from carvalue.journal.store import Journal, JournalUnavailable
from carvalue.monitoring.alerting import Alert
from carvalue.monitoring.alerting.store import AlertStore
from carvalue.monitoring.drift import calibrate, calibrated
from carvalue.monitoring.drift.effects import measure_effects
from carvalue.monitoring.drift.frames import reference_frame
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.watcher.__main__ import save, watch_forever
from carvalue.monitoring.watcher.airflow_runs import PipelineRun
from carvalue.monitoring.watcher.api import create_api
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.pricing.model import PriceModel
from carvalue.telemetry.metrics import WATCHER_METRICS
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_bundle, a_market
from servers import serving
from waiting import until

START = datetime(2026, 11, 1, tzinfo=UTC)
INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def calibrations() -> dict[tuple[object, ...], Any]:
    return {}


@pytest.fixture(autouse=True)
def calibrate_once(calibrations: dict[tuple[object, ...], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrate once for all tests with the same reference and the same prices, which takes seconds."""

    def once(part: Callable[..., Any]) -> Callable[..., Any]:
        def remembered(cars: pl.DataFrame, *models: PriceModel) -> Any:
            quoted = [model.quote_frame(cars[:50]) for model in models]
            key = (part, *(int(rows.hash_rows().sum()) for rows in (cars, *quoted)))
            if key not in calibrations:
                calibrations[key] = part(cars, *models)
            return calibrations[key]

        return remembered

    for part in (calibrate, reference_frame, measure_effects):
        monkeypatch.setattr(calibrated, part.__name__, once(part))


@pytest.fixture(autouse=True)
def report_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no program that writes a report, which takes seconds."""

    def request(_: ReportFolder, *, why: str, at: datetime, **__: pl.DataFrame) -> str:
        return f"{at:%Y%m%dT%H%M%SZ}-{why}.html"

    monkeypatch.setattr(ReportFolder, "request", request)


class NoRuns:
    """An Airflow whose only run of a retraining failed."""

    def newest(self, dag: str) -> PipelineRun:
        return PipelineRun(name="by-hand-1", state="failed", began_at=START, ended_at=START)

    def start(self, dag: str, *, run: str, note: str) -> None:
        raise AssertionError("it cools down")


class Stage:
    """A journal with quotes of a real model, and the watcher over it."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder, self.model, self.number = folder, PriceModel.load(bundle), 0
        self.journal = Journal(f"sqlite:///{folder}/journal.db")
        self.registry = FakeRegistry()
        self.registry.promote(bundle, version=1)
        self.now = START
        a_market(rows=6_000, seed=5).write_parquet(folder / "train.parquet")
        publish_reference(folder / "train.parquet", fingerprint="f00d", root=folder / "reference")
        self.retraining = RetrainingTrigger(
            runs=NoRuns(),
            decisions=tuple,
            state=folder / "watcher" / "retraining.json",
            on_alarm=True,
            cooldown=timedelta(hours=24),
            clock=lambda: self.now,
        )
        self.watcher = self.a_watcher()

    def a_watcher(
        self,
        instance: str = "only",
        *,
        disk: str = "watcher",
        copy: StoredCopy | None = None,
        corrects_ranges: bool = True,
    ) -> Watcher:
        return Watcher(
            journal=self.journal,
            state=LeasedState(self.journal, "watcher", instance),
            registry=self.registry,
            references=LocalFolder(self.folder / "reference"),
            folder=self.folder / "watcher",
            alert_store=AlertStore(self.folder / disk / "alerts.db", ()),
            copy=copy,
            reports=ReportFolder(LocalFolder(self.folder / "watcher" / "reports")),
            metrics=WatcherMetrics(),
            extra_alerts=lambda: self.retraining.alerts,
            verified={"auction"},
            corrects_ranges=corrects_ranges,
            clock=lambda: self.now,
        )

    def quote(
        self,
        rows: int,
        *,
        seed: int,
        change: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
        id_form: str = "{:032d}",
        clients: Sequence[str | None] = (None,),
        route: str | None = None,
        then: Callable[[JournalEntry], JournalEntry] = lambda entry: entry,
    ) -> None:
        market = a_market(rows=rows, seed=seed).select(INPUTS)
        listings = (change(market) if change else market).to_dicts()
        entries = []
        for listing, quote in zip(listings, self.model.quote_many(listings), strict=True):
            self.number += 1
            entries.append(
                JournalEntry(
                    quote_id=id_form.format(self.number),
                    quoted_at=self.now + timedelta(milliseconds=len(entries) + 1),
                    model_version=str(self.version),
                    price=quote.price,
                    low=quote.low,
                    high=quote.high,
                    warnings=quote.warnings,
                    listing={name: value for name, value in listing.items() if value is not None},
                    client=clients[len(entries) % len(clients)],
                    route=route,
                )
            )
        self.journal.write([then(entry) for entry in entries])
        self.now += timedelta(minutes=1)

    def sell(self, quote_id: str, sale_price: int, *, client: str) -> None:
        self.journal.add_feedback(
            quote_id=quote_id, sale_price=sale_price, reported_at=self.now, client=client
        )

    @property
    def version(self) -> int:
        version = self.registry.champion()
        assert version is not None
        return version.version


@pytest.fixture
def stage(tmp_path: Path, bundle: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, bundle)
    yield stage
    stage.watcher.close()


def older(market: pl.DataFrame) -> pl.DataFrame:
    return market.with_columns((pl.col("year") - 6).clip(1985), pl.col("odometer") * 2)


def state(watcher: Watcher) -> str:
    assert watcher.snapshot is not None
    return watcher.snapshot.drift.state


def test_clean_quotes_raise_no_alert(stage: Stage) -> None:
    stage.quote(1_500, seed=11)

    assert stage.watcher.step() == 1_500
    assert state(stage.watcher) == "clean"
    assert stage.watcher.alert_store.firing() == []
    assert stage.watcher.trouble == ""


def test_drift_alerts_and_the_alert_ends_with_it(stage: Stage) -> None:
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    stage.watcher.step()

    (alert,) = stage.watcher.alert_store.firing()
    assert "year" in alert.title
    assert "What to do" in alert.text
    assert alert.report.endswith("-drift.html")

    stage.quote(4_000, seed=13)
    stage.watcher.step()
    assert state(stage.watcher) == "clean"
    assert stage.watcher.alert_store.firing() == []


def test_a_restart_continues_at_its_position(stage: Stage) -> None:
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    stage.watcher.step()
    before = stage.watcher.snapshot

    restarted = stage.a_watcher()
    assert restarted.step() == 0
    assert restarted.snapshot is not None
    assert before is not None
    assert restarted.snapshot.drift.state == before.drift.state == "confirmed"
    assert restarted.snapshot.drift.since == before.drift.since
    assert restarted.snapshot.report == before.report
    assert len(restarted.alert_store.firing()) == 1

    stage.quote(20, seed=14)
    assert restarted.step() == 20
    restarted.close()


def test_a_new_version_begins_with_a_clean_slate(stage: Stage, bundle: Path) -> None:
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    stage.watcher.step()
    assert state(stage.watcher) == "confirmed"

    # the same reference under another bundle, as after a training with other parameters
    other = a_bundle(stage.folder / "other", price_share=1.1)
    stage.registry.promote(other, version=2)
    stage.watcher.step()

    assert state(stage.watcher) == "insufficient data"
    assert stage.watcher.alert_store.firing() == []


def test_a_restart_after_a_rollback_checks_no_quote_a_second_time(stage: Stage, bundle: Path) -> None:
    other = a_bundle(stage.folder / "other", price_share=1.1)
    stage.quote(300, seed=11)
    for folder, version in ((bundle, 1), (other, 2), (bundle, 1)):
        stage.registry.promote(folder, version=version)
        stage.watcher.step()
    stage.watcher.close()

    restarted = stage.a_watcher()
    restarted.step()

    assert restarted.snapshot is not None
    assert restarted.snapshot.drift.rows == 0
    restarted.close()


def test_young_quotes_of_release_0_2_are_left_for_the_next_round(stage: Stage) -> None:
    stage.quote(300, seed=11)
    with stage.journal.transaction() as connection:
        connection.execute(update(QUOTES).values(arrival=None))
    stage.now = START + timedelta(milliseconds=100) + timedelta(seconds=2)

    assert stage.watcher.step() == 99


def test_a_clock_that_is_set_back_hides_no_quotes(stage: Stage) -> None:
    for moment in (START + timedelta(days=365), START):
        stage.now = moment
        stage.number = int(moment.timestamp() * 1000) * 16**5  # as ids are made: the time comes first
        stage.quote(250, seed=11, id_form="{:017x}000000000000000")
        stage.now += timedelta(minutes=1)

        assert stage.watcher.step() == 250


def test_an_unexpected_error_is_reported_as_trouble(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(stage.watcher.alert_store, "update", fail)
    stage.quote(300, seed=11)
    stop = Event()
    thread = Thread(target=watch_forever, args=(stage.watcher, stop), daemon=True)
    thread.start()
    until(lambda: "the disk is gone" in stage.watcher.trouble)
    stop.set()
    thread.join()

    assert "carvalue_watcher_up 0.0" in generate_latest(stage.watcher.metrics.registry).decode()


@pytest.mark.parametrize("away", ["registry", "reference"])
def test_an_unavailable_dependency_is_reported_and_retried(stage: Stage, away: str) -> None:
    moved = stage.folder / "moved"
    stage.quote(300, seed=11)
    stage.registry.is_down = away == "registry"
    if away == "reference":
        (stage.folder / "reference").rename(moved)

    assert stage.watcher.step() == 0
    assert away in stage.watcher.trouble.lower()

    stage.registry.is_down = False
    if away == "reference":
        moved.rename(stage.folder / "reference")
    assert stage.watcher.step() == 300
    assert stage.watcher.trouble == ""


def sell_above(stage: Stage, count: int) -> None:
    """Report sales 10 % above the quotes, each of another client."""
    quoted = {entry.quote_id: entry.price for entry in stage.journal.after("", until=stage.now, limit=count)}
    for number, (quote_id, price) in enumerate(quoted.items()):
        stage.sell(quote_id, round(1.1 * price), client=f"client-{number}")


def test_sales_correct_the_ranges_and_a_restart_computes_the_same(stage: Stage) -> None:
    stage.quote(300, seed=11)
    sell_above(stage, 300)
    stage.watcher.step()
    corrected = stage.journal.range_correction("1")

    assert corrected is not None
    assert 0.07 <= corrected.level <= 0.1
    assert corrected.sales == 300
    shown = generate_latest(stage.watcher.metrics.registry).decode()
    assert f"carvalue_range_level {corrected.level}" in shown
    stage.watcher.close()
    stage.watcher = stage.a_watcher("another")
    stage.watcher.step()
    assert stage.journal.range_correction("1") == corrected


def test_a_new_version_begins_with_its_own_calibration(stage: Stage, bundle: Path) -> None:
    stage.quote(300, seed=11)
    sell_above(stage, 300)
    stage.watcher.step()

    stage.registry.promote(bundle, version=2)
    stage.watcher.step()

    assert stage.journal.range_correction("2") == (0.0, 0.0, 0)


def test_ranges_are_not_corrected_if_the_operator_does_not_want_it(stage: Stage) -> None:
    stage.quote(300, seed=11)
    sell_above(stage, 300)
    stage.watcher.close()
    stage.watcher = stage.a_watcher("another", corrects_ranges=False)
    stage.watcher.step()

    assert stage.journal.range_correction("1") == (0.0, 0.0, 0)


def test_corrected_ranges_are_no_drift(stage: Stage) -> None:
    def corrected(entry: JournalEntry) -> JournalEntry:
        ends = {"calibrated_low": entry.low, "calibrated_high": entry.high}
        return replace(entry, low=round(entry.low * 0.95), high=round(entry.high * 1.1), **ends)

    stage.quote(1_500, seed=11, then=corrected)

    assert stage.watcher.step() == 1_500
    assert state(stage.watcher) == "clean"


def test_large_errors_against_sales_alert(stage: Stage) -> None:
    stage.quote(300, seed=11)
    for number in range(1, 61):
        stage.sell(f"{number:032d}", 3_000, client=f"client-{number % 20}")

    stage.watcher.step()

    assert {alert.key for alert in stage.watcher.alert_store.firing()} == {
        "live_accuracy",
        "live_bias",
        "coverage",
    }


def test_a_small_bias_alerts_although_the_error_is_normal(stage: Stage) -> None:
    stage.quote(300, seed=11)
    for entry in stage.journal.after("", until=stage.now, limit=300):
        dearer = round(entry.price * 1.06)
        stage.sell(entry.quote_id, dearer, client=f"client-{int(entry.quote_id) % 20}")

    stage.watcher.step()

    (alert,) = stage.watcher.alert_store.firing()
    assert "5.7% below the sale prices" in alert.title
    assert stage.watcher.alarms is not None
    assert stage.watcher.alarms.firing == {"live_accuracy"}


def test_invented_sales_of_one_client_raise_no_alert(stage: Stage) -> None:
    stage.quote(300, seed=11)
    for number in range(1, 31):
        stage.sell(f"{number:032d}", 3_000, client="~0f1e2d3c4b5a6978")

    stage.watcher.step()

    assert stage.watcher.alert_store.firing() == []
    assert stage.watcher.alarms is not None
    assert "live_accuracy" not in stage.watcher.alarms.firing | stage.watcher.alarms.well


def test_a_flood_of_invented_sales_hides_no_honest_ones(stage: Stage) -> None:
    stage.quote(600, seed=11)
    entries = stage.journal.after("", until=stage.now, limit=600)
    for number, entry in enumerate(entries[:100]):
        stage.sell(entry.quote_id, entry.price, client=f"client-{number % 20}")
    stage.now += timedelta(minutes=1)
    for entry in entries[100:]:
        stage.sell(entry.quote_id, 1_000, client="flood")

    stage.watcher.step()

    assert stage.watcher.snapshot is not None
    live = stage.watcher.snapshot.live
    assert live.sales == 105
    assert live.error is not None
    assert live.error.value == 0
    assert stage.watcher.alert_store.firing() == []


def test_sales_of_a_verified_client_need_no_second_one(stage: Stage) -> None:
    stage.quote(300, seed=11)
    for number in range(1, 61):
        stage.sell(f"{number:032d}", 3_000, client="auction")

    stage.watcher.step()

    assert "live_accuracy" in {alert.key for alert in stage.watcher.alert_store.firing()}


def test_odd_quotes_of_one_visitor_among_many_are_no_drift(stage: Stage) -> None:
    honest = [f"page/~{number:016x}" for number in range(8)]
    stage.quote(1_000, seed=11, clients=honest)
    stage.quote(1_000, seed=12, change=older, clients=["page/~flood"])
    stage.quote(1_000, seed=13, clients=honest)
    stage.watcher.step()

    assert stage.watcher.alert_store.firing() == []
    assert state(stage.watcher) != "confirmed"


def three_fields(market: pl.DataFrame) -> pl.DataFrame:
    optional = [name for name in market.columns if name not in {"manufacturer", "model", "year"}]
    return market.with_columns(pl.lit(None).alias(name) for name in optional)


def test_visitors_who_fill_in_three_fields_raise_nothing(stage: Stage) -> None:
    visitors = [f"page/~{number:016x}" for number in range(2_000)]
    stage.quote(20, seed=11, change=three_fields, clients=visitors, route="page")
    stage.quote(1_000, seed=12, clients=visitors, route="page")
    stage.quote(200, seed=13, change=three_fields, clients=visitors, route="page")
    stage.quote(800, seed=14, clients=visitors, route="page")
    stage.watcher.step()

    assert stage.watcher.alert_store.firing() == []


def test_an_upload_counts_as_one_visitor(stage: Stage) -> None:
    stage.quote(1_000, seed=11, clients=[f"page/~{number:016x}" for number in range(500)], route="page")
    stage.quote(2_000, seed=12, change=three_fields, clients=["page/~dealer"], route="upload")
    stage.watcher.step()

    assert stage.watcher.alert_store.firing() == []
    assert stage.watcher.snapshot is not None
    assert stage.watcher.snapshot.drift.rows == 3_000


def without_odometer(market: pl.DataFrame) -> pl.DataFrame:
    return market.with_columns(odometer=pl.lit(None, dtype=pl.Int32))


def test_a_program_that_breaks_is_told_to_operators_and_starts_no_retraining(stage: Stage) -> None:
    stage.quote(800, seed=11, clients=["shop"], route="api")
    stage.quote(800, seed=12, clients=["other"], route="api")
    stage.quote(200, seed=13, change=without_odometer, clients=["shop"], route="api")
    stage.watcher.step()

    (alert,) = stage.watcher.alert_store.firing()
    assert alert.kind in {"broken_client", "input_change"}
    assert alert.title.startswith("api/shop: a client's program broke (Mileage") or "dometer" in alert.title
    assert stage.watcher.alarms is not None
    assert stage.watcher.alarms.firing == frozenset()


def test_alerts_are_delivered_while_the_journal_is_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager ends an alert that is not sent again."""
    stage.quote(300, seed=11)
    stage.watcher.step()
    delivered: list[datetime] = []
    monkeypatch.setattr(AlertStore, "deliver", lambda _, *, now: delivered.append(now))

    def away(*_: object, **__: object) -> None:
        raise JournalUnavailable("away")

    monkeypatch.setattr(Journal, "arrived", away)
    stage.watcher.step()

    assert stage.watcher.trouble == "away"
    assert delivered == [stage.now]


def test_quotes_that_a_replica_delivers_late_are_checked(stage: Stage) -> None:
    late = stage.number
    stage.number += 40
    stage.quote(300, seed=11)
    assert stage.watcher.step() == 300

    stage.number = late
    stage.now += timedelta(minutes=1)
    stage.quote(40, seed=12)
    assert stage.watcher.step() == 40


def test_a_second_instance_stands_by_and_takes_over(stage: Stage) -> None:
    stage.quote(1_000, seed=11)
    assert stage.watcher.step() == 1_000
    second = stage.a_watcher("second")
    assert second.step() == 0
    assert not second.is_active

    stage.quote(100, seed=12)
    stage.now += 2 * LEASE  # the first one has stopped
    assert second.step() == 100
    assert second.snapshot is not None
    assert second.snapshot.drift.rows >= 1_080
    assert stage.watcher.step() == 0  # it comes back, and stands by
    assert not stage.watcher.is_active
    checked = stage.watcher.metrics.registry.get_sample_value("carvalue_watcher_last_check_timestamp_seconds")
    assert checked == stage.now.timestamp()  # a round that stands by is no round that hangs
    second.close()


def test_state_is_written_only_when_it_has_changed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.quote(300, seed=11)
    stage.watcher.step()
    stage.now += timedelta(minutes=1)
    written: list[object] = []
    monkeypatch.setattr(LeasedState, "write", lambda _, content: written.append(content))

    for _ in range(3):
        stage.now += timedelta(minutes=1)
        stage.watcher.step()

    assert written == []


def test_a_failed_retraining_is_sent_like_any_alert(stage: Stage) -> None:
    stage.quote(600, seed=12)
    stage.watcher.step()

    stage.retraining.check(stage.watcher.alarms)
    stage.watcher.step()

    assert {alert.kind for alert in stage.watcher.alert_store.firing()} == {"retraining"}
    with serving(create_api(stage.watcher, stage.retraining)) as client:
        assert client.get("/alerts", headers={"host": "evil.example"}).status_code == 421
        assert client.post("/alerts", headers={"origin": "http://evil.example"}).status_code == 403
        told = client.get("/retraining").json()
        assert (told["run"], told["outcome"]) == ("by-hand-1", "failed")
        assert "RETRAIN_COOLDOWN_H" in told["next"]


def test_the_state_of_release_0_2_is_read(stage: Stage) -> None:
    stage.quote(1_000, seed=11)
    with stage.journal.transaction() as connection:  # as release 0.2 wrote them
        connection.execute(update(QUOTES).values(arrival=None, route=None))
    production = stage.registry.champion()
    assert production is not None
    old = {"version": production.bundle_digest, "cursor": f"{900:032d}", "reported": None}
    (stage.folder / "watcher" / "state.json").write_text(json.dumps(old | {"memory": {"format": 1}}))

    assert stage.watcher.step() == 100
    assert stage.watcher.snapshot is not None
    assert stage.watcher.snapshot.drift.rows >= 980  # with those that were checked before


def test_a_damaged_file_of_release_0_2_is_ignored(stage: Stage) -> None:
    stage.quote(300, seed=11)
    (stage.folder / "watcher" / "state.json").write_text("{")

    assert stage.watcher.step() == 300


def test_a_drift_state_that_does_not_fit_is_discarded_with_a_warning(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    stage.watcher.step()
    state_of_watcher = LeasedState(stage.journal, "watcher", "only")
    saved = json.loads(json.dumps(state_of_watcher.read()))
    for channel in saved["channels"].values():
        channel["history"]["sums"] = channel["history"]["sums"][:-2]
    state_of_watcher.write(saved)

    restarted = stage.a_watcher()

    assert restarted.step() == 0
    assert restarted.trouble == ""
    assert "a saved drift state is discarded" in caplog.text
    assert state(restarted) == "confirmed"  # the newest quotes are judged anew
    assert len(restarted.alert_store.firing()) == 1
    restarted.close()


def test_results_are_available_over_http(stage: Stage) -> None:
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    stage.watcher.step()

    with serving(create_api(stage.watcher, stage.retraining)) as client:
        drift: dict[str, Any] = client.get("/drift").json()
        assert drift["state"] == "confirmed"
        assert drift["features"][0]["score"] > 1
        assert len(drift["features"][0]["labels"]) == len(drift["features"][0]["window"])
        assert len(client.get("/alerts").json()["firing"]) == 1
        assert len(client.get("/quotes").json()) == 24
        assert client.get("/retraining").json()["next"] == ""  # Airflow has not been asked yet
        assert client.get("/reports").json() == []  # still in the making
        assert client.get("/reports/..%2Falerts.db").status_code == 404
        assert client.get("/healthz").json() == {"status": "alive", "trouble": ""}


def test_decisions_on_versions_are_read_over_http_newest_first(stage: Stage) -> None:
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    decisions = [
        DecisionRecord(at=at, act=act, version=version, earlier=1, by="ann", reasons=("by hand",))
        for act, version in (("promoted", 2), ("refused", 3))
    ]

    with serving(create_api(stage.watcher, stage.retraining, decisions=lambda: decisions)) as client:
        newest, _ = client.get("/decisions").json()

    assert newest == {
        "at": "2026-01-02T03:04:00Z",
        "act": "refused",
        "version": 3,
        "earlier": 1,
        "by": "ann",
        "reasons": ["by hand"],
    }


def test_an_error_of_the_journal_is_logged_and_not_shown(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise JournalUnavailable('connection to "db.internal" as user "journal" failed')

    monkeypatch.setattr(stage.watcher, "quotes_per_hour", fail)
    with serving(create_api(stage.watcher, stage.retraining, decisions=fail)) as client:
        answers = [client.get(path) for path in ("/quotes", "/decisions")]

    for answer in answers:
        assert answer.status_code == 503
        assert "db.internal" not in answer.text
    assert any("db.internal" in vars(record).get("because", "") for record in caplog.records)


def test_the_scripts_of_a_report_reach_no_server(stage: Stage) -> None:
    folder, name = stage.folder / "watcher" / "reports", "20261101T000000Z-daily.html"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("<script>1</script>")
    with serving(create_api(stage.watcher, stage.retraining)) as client:
        answer = client.get(f"/reports/{name}")

    assert answer.status_code == 200
    assert "sandbox allow-scripts;" in answer.headers["content-security-policy"]
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_declared_metric_is_shown(stage: Stage) -> None:
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    stage.watcher.step()

    shown = generate_latest(stage.watcher.metrics.registry).decode()
    assert all(f"# HELP {metric.name.removesuffix('_total')}" in shown for metric in WATCHER_METRICS)
    assert 'carvalue_feature_drift_state{channel="api",feature="year"} 2.0' in shown
    assert 'carvalue_channel_drift_state{channel="api"} 2.0' in shown
    assert 'carvalue_channel_quotes_total{channel="api"} 1600.0' in shown
    assert "carvalue_watched_quotes_total 1600.0" in shown


def test_without_a_production_version_there_is_nothing_to_report(stage: Stage) -> None:
    stage.registry.set_champion(None)

    assert stage.watcher.step() == 0
    with serving(create_api(stage.watcher, stage.retraining)) as client:
        assert client.get("/drift").json()["state"] == "insufficient data"


ENDED = Alert(key="ended", kind="drift", severity="warning", title="Drift", text="It ends.", since=START)


class StorageOfTwo(LocalFolder):
    """A storage that may be away, which each of two watchers on their own disks copies alerts to."""

    is_away = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "stored")
        self.folder = folder

    def read(self) -> Path:
        if self.is_away:
            raise StorageUnavailable("The bucket does not answer.")
        return super().read()

    def copy_of(self, disk: str) -> StoredCopy:
        return StoredCopy(self.folder / disk, names=["alerts.db"], stored=self)


def active(watcher: Watcher) -> bool:
    watcher.step()
    return watcher.is_active


def storing(watcher: Watcher) -> bool:
    watcher.step()
    return watcher.may_store


@pytest.fixture
def pair(stage: Stage) -> Iterator[tuple[StorageOfTwo, Watcher]]:
    """A storage with alerts of a first watcher, one of which is over, and a second one that has stood by."""
    storage = StorageOfTwo(stage.folder)
    copies = {disk: storage.copy_of(disk) for disk in ("one", "two")}
    first, second = (stage.a_watcher(disk, disk=disk, copy=copy) for disk, copy in copies.items())
    until(lambda: storing(first))
    assert not active(second)
    first.alert_store.update([ENDED], now=stage.now)
    stage.quote(1_000, seed=11)
    stage.quote(600, seed=12, change=older)
    first.step()
    first.close(store=lambda: save(copies["one"], first))
    stage.now += timedelta(minutes=5)
    yield storage, second
    second.close()


def test_a_watcher_that_takes_over_continues_the_alerts_of_the_one_before(
    pair: tuple[StorageOfTwo, Watcher],
) -> None:
    _, second = pair
    assert second.alert_store.past(9) == []

    until(lambda: active(second))

    assert second.may_store
    assert [alert.key for alert in second.alert_store.past(9)] == ["ended"]
    assert len(second.alert_store.incidents.newest(9)) == 2


def test_without_the_storage_a_watcher_uses_its_own_alerts_and_does_not_store_them(
    stage: Stage, pair: tuple[StorageOfTwo, Watcher]
) -> None:
    storage, second = pair
    storage.is_away = True
    stored = (stage.folder / "stored" / "alerts.db").read_bytes()

    until(lambda: active(second))
    save(storage.copy_of("two"), second)

    assert not second.may_store
    assert second.alert_store.past(9) == []
    assert [alert.key for alert in second.alert_store.firing()] == ["drift:api"]
    assert (stage.folder / "stored" / "alerts.db").read_bytes() == stored

    storage.is_away = False
    until(lambda: storing(second))
    assert [alert.key for alert in second.alert_store.past(9)] == ["ended"]
