"""Each alert is sent once when it begins and once when it ends, whatever fails in between."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from carvalue.monitoring.alerting.store import Alert, AlertStore, DeliveryFailed

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DRIFT = Alert(key="drift", kind="drift", severity="warning", title="drifted", text="year", since=NOW)


class Receiver:
    """A sink in memory; down, it takes nothing."""

    name = "receiver"

    def __init__(self) -> None:
        self.is_down, self.heard = False, list[tuple[str, bool]]()

    def notify(self, alert: Alert) -> None:
        if self.is_down:
            raise DeliveryFailed("receiver is down.")
        self.heard.append((alert.key, alert.is_firing))


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def desk(tmp_path: Path, receiver: Receiver) -> Iterator[AlertStore]:
    desk = AlertStore(tmp_path / "alerts.db", [receiver])
    yield desk
    desk.close()


def test_an_alert_is_sent_once_when_it_begins_and_once_when_it_ends(
    desk: AlertStore, receiver: Receiver
) -> None:
    for minute in range(3):
        desk.update([DRIFT], now=NOW + timedelta(minutes=minute))
    desk.update([], now=NOW + timedelta(minutes=3))
    desk.update([], now=NOW + timedelta(minutes=4))

    assert receiver.heard == [("drift", True), ("drift", False)]
    assert desk.firing() == []
    assert desk.past(5) == [replace(DRIFT, resolved_at=NOW + timedelta(minutes=3))]


def test_an_alert_is_not_sent_again_after_a_restart(
    desk: AlertStore, receiver: Receiver, tmp_path: Path
) -> None:
    desk.update([DRIFT], now=NOW)
    restarted = AlertStore(tmp_path / "alerts.db", [receiver])

    restarted.update([DRIFT], now=NOW + timedelta(minutes=1))

    assert receiver.heard == [("drift", True)]
    assert restarted.firing() == [DRIFT]
    restarted.close()


def test_a_failed_delivery_is_retried_with_backoff(desk: AlertStore, receiver: Receiver) -> None:
    receiver.is_down = True
    for second in range(0, 600, 5):
        desk.update([DRIFT], now=NOW + timedelta(seconds=second))

    assert desk.waiting() == {"receiver": 1}
    assert desk.delivered == {("receiver", "failed"): 7}  # after 5, 15, 35, 75, 155 and 315 seconds

    receiver.is_down = False
    desk.update([DRIFT], now=NOW + timedelta(hours=1))
    assert receiver.heard == [("drift", True)]
    assert desk.waiting() == {"receiver": 0}


def test_an_alert_that_ended_before_delivery_is_sent_from_its_beginning(
    desk: AlertStore, receiver: Receiver
) -> None:
    receiver.is_down = True
    desk.update([DRIFT], now=NOW)
    desk.update([], now=NOW + timedelta(seconds=1))

    receiver.is_down = False
    desk.update([], now=NOW + timedelta(minutes=5))

    assert receiver.heard == [("drift", True), ("drift", False)]


def test_a_notification_is_dropped_after_a_day_of_failures(desk: AlertStore, receiver: Receiver) -> None:
    receiver.is_down = True
    desk.update([DRIFT], now=NOW)

    desk.update([DRIFT], now=NOW + timedelta(days=2))

    assert desk.waiting() == {"receiver": 0}
    assert desk.delivered["receiver", "dropped"] == 1


def test_the_text_of_a_firing_alert_is_updated(desk: AlertStore, receiver: Receiver) -> None:
    desk.update([DRIFT], now=NOW)

    desk.update([replace(DRIFT, text="year and odometer", report="a.html")], now=NOW)

    assert [(alert.text, alert.report) for alert in desk.firing()] == [("year and odometer", "a.html")]
    assert len(receiver.heard) == 1


def test_a_clock_set_back_delays_no_notification(desk: AlertStore, receiver: Receiver) -> None:
    receiver.is_down = True
    desk.update([DRIFT], now=NOW + timedelta(days=365))
    receiver.is_down = False

    desk.update([DRIFT], now=NOW)

    assert receiver.heard == [("drift", True)]


class Dead:
    """A notifier whose receiver never takes anything."""

    name = "dead"

    def notify(self, alert: Alert) -> None:
        raise DeliveryFailed("dead is down.")


class Broken:
    """A notifier with a programming error."""

    name = "broken"

    def notify(self, alert: Alert) -> None:
        raise TypeError("unexpected")


class Hanging:
    """A notifier whose receiver does not answer until it is released."""

    name = "hanging"

    def __init__(self) -> None:
        self.released, self.calls = Event(), 0

    def notify(self, alert: Alert) -> None:
        self.calls += 1
        self.released.wait()


@pytest.mark.parametrize("failing", [Dead(), Broken()], ids=lambda item: item.name)
def test_a_dead_receiver_delays_no_other_for_a_day(tmp_path: Path, receiver: Receiver, failing: Any) -> None:
    store = AlertStore(tmp_path / "alerts.db", [failing, receiver])
    active: list[Alert] = []
    for step in range(25 * 4):  # every 15 minutes for 25 hours
        if step % 40 == 0:  # a new alert every ten hours
            active.append(replace(DRIFT, key=f"drift {step}"))
        store.update(active, now=NOW + timedelta(minutes=15 * step))
        assert receiver.heard == [(alert.key, True) for alert in active]

    assert store.waiting() == {failing.name: 2, "receiver": 0}  # the first is dropped after a day
    assert store.delivered[failing.name, "failed"] == 96 + 60 + 20  # once every 15 minutes
    store.close()


def test_a_receiver_that_hangs_delays_no_other(tmp_path: Path, receiver: Receiver) -> None:
    hanging = Hanging()
    store = AlertStore(tmp_path / "alerts.db", [hanging, receiver])
    try:
        store.update([DRIFT], now=NOW)
        store.update([], now=NOW + timedelta(minutes=1))

        assert receiver.heard == [("drift", True), ("drift", False)]
        assert hanging.calls == 1  # it is not called again before it has returned
    finally:
        hanging.released.set()
        store.close()
    assert store.delivered["hanging", "told"] == 1
