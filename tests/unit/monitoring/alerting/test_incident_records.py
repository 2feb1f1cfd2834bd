"""Each alert is an incident: what had changed, the retraining that it started, and how that ended."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from carvalue.monitoring.alerting import Alert, AlertStore, UnknownIncident

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DRIFT = Alert(
    key="drift:page",
    kind="drift",
    severity="warning",
    title="drifted",
    text="year",
    since=NOW,
    evidence={"changed_at": "2026-10-31T23:00:00+00:00", "changes": [{"name": "year", "score": 1.1}]},
)
ERROR = replace(DRIFT, key="live_accuracy", kind="live_accuracy", evidence={"model_version": "3"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AlertStore]:
    with closing(AlertStore(tmp_path / "alerts.db", ())) as opened:
        yield opened


def test_an_incident_keeps_when_the_change_began_and_what_it_was_at_its_largest(store: AlertStore) -> None:
    larger = {"changed_at": "2026-11-01T00:30:00+00:00", "changes": [{"name": "odometer", "score": 3.0}]}
    smaller = {"changed_at": "2026-11-01T00:40:00+00:00", "changes": [{"name": "fuel", "score": 0.7}]}

    for minute, evidence in enumerate((DRIFT.evidence, larger, smaller)):
        store.update([replace(DRIFT, evidence=evidence)], now=NOW + timedelta(minutes=minute))

    (incident,) = store.incidents.newest(9)
    assert incident.evidence == larger | {"changed_at": DRIFT.evidence["changed_at"]}
    assert incident == store.incidents.get(incident.alert.number)


def test_a_run_belongs_to_the_alerts_that_started_it(store: AlertStore) -> None:
    store.update([DRIFT, ERROR], now=NOW)

    store.incidents.note_run("by-alarm-1", kinds={"drift"})
    store.incidents.note_result("by-alarm-1", result="promoted", version=4, ended_at=NOW)
    store.incidents.note_result("by-alarm-1", result="refused", version=5, ended_at=NOW)

    found = {item.alert.kind: (item.run, item.result, item.version) for item in store.incidents.newest(9)}
    assert found == {"drift": ("by-alarm-1", "promoted", 4), "live_accuracy": ("", "", None)}


def test_a_later_run_does_not_replace_the_first(store: AlertStore) -> None:
    store.update([DRIFT], now=NOW)

    for run in ("by-alarm-1", "by-alarm-2"):
        store.incidents.note_run(run, kinds={"drift"})

    assert [item.run for item in store.incidents.newest(9)] == ["by-alarm-1"]


def test_incidents_that_last_come_first(store: AlertStore) -> None:
    store.update([DRIFT], now=NOW)
    store.update([ERROR], now=NOW + timedelta(minutes=1))
    store.update([ERROR, DRIFT], now=NOW + timedelta(minutes=2))

    listed = [(item.alert.key, item.alert.is_firing) for item in store.incidents.newest(9)]

    assert listed == [("drift:page", True), ("live_accuracy", True), ("drift:page", False)]


def test_an_unknown_incident_is_named(store: AlertStore) -> None:
    with pytest.raises(UnknownIncident, match="There is no incident 7"):
        store.incidents.get(7)


def test_alerts_of_an_earlier_release_are_incidents_without_evidence(tmp_path: Path) -> None:
    with closing(AlertStore(tmp_path / "alerts.db", ())) as store:
        store.update([DRIFT], now=NOW)
    engine = create_engine(f"sqlite:///{tmp_path}/alerts.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table incidents")
    engine.dispose()

    with closing(AlertStore(tmp_path / "alerts.db", ())) as upgraded:
        upgraded.update([DRIFT], now=NOW + timedelta(minutes=1))
        (incident,) = upgraded.incidents.newest(9)

    assert (incident.alert.title, incident.evidence, incident.run) == ("drifted", {}, "")
