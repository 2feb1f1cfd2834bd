"""Each alert is sent once when it begins and once when it ends, whatever fails in between."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from carvalue.monitoring.alerting.notifiers import notifiers_from_urls
from carvalue.monitoring.alerting.store import Alert, AlertStore, DeliveryFailed

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DRIFT = Alert(key="drift", kind="drift", severity="warning", title="drifted", text="year", since=NOW)


class Receiver:
    """A notifier in memory; while it is down, it accepts nothing."""

    name = "receiver"

    def __init__(self) -> None:
        self.is_down, self.received = False, list[tuple[str, bool]]()

    def notify(self, alert: Alert) -> None:
        if self.is_down:
            raise DeliveryFailed("receiver is down.")
        self.received.append((alert.key, alert.is_firing))


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def store(tmp_path: Path, receiver: Receiver) -> Iterator[AlertStore]:
    store = AlertStore(tmp_path / "alerts.db", [receiver])
    yield store
    store.close()


def test_an_alert_is_sent_once_when_it_begins_and_once_when_it_ends(
    store: AlertStore, receiver: Receiver
) -> None:
    for minute in range(3):
        store.update([DRIFT], now=NOW + timedelta(minutes=minute))
    store.update([], now=NOW + timedelta(minutes=3))
    store.update([], now=NOW + timedelta(minutes=4))

    assert receiver.received == [("drift", True), ("drift", False)]
    assert store.firing() == []
    assert store.past(5) == [replace(DRIFT, resolved_at=NOW + timedelta(minutes=3))]


def test_an_alert_is_not_sent_again_after_a_restart(
    store: AlertStore, receiver: Receiver, tmp_path: Path
) -> None:
    store.update([DRIFT], now=NOW)
    restarted = AlertStore(tmp_path / "alerts.db", [receiver])

    restarted.update([DRIFT], now=NOW + timedelta(minutes=1))

    assert receiver.received == [("drift", True)]
    assert restarted.firing() == [DRIFT]
    restarted.close()


def test_a_failed_delivery_is_retried_with_backoff(store: AlertStore, receiver: Receiver) -> None:
    receiver.is_down = True
    for second in range(0, 600, 5):
        store.update([DRIFT], now=NOW + timedelta(seconds=second))

    assert store.waiting() == {"receiver": 1}
    assert store.delivered == {("receiver", "failed"): 7}  # after 5, 15, 35, 75, 155 and 315 seconds

    receiver.is_down = False
    store.update([DRIFT], now=NOW + timedelta(hours=1))
    assert receiver.received == [("drift", True)]
    assert store.waiting() == {"receiver": 0}


def test_an_alert_that_ended_before_delivery_is_sent_from_its_beginning(
    store: AlertStore, receiver: Receiver
) -> None:
    receiver.is_down = True
    store.update([DRIFT], now=NOW)
    store.update([], now=NOW + timedelta(seconds=1))

    receiver.is_down = False
    store.update([], now=NOW + timedelta(minutes=5))

    assert receiver.received == [("drift", True), ("drift", False)]


def test_a_notification_is_dropped_after_a_day_of_failures(store: AlertStore, receiver: Receiver) -> None:
    receiver.is_down = True
    store.update([DRIFT], now=NOW)

    store.update([DRIFT], now=NOW + timedelta(days=2))

    assert store.waiting() == {"receiver": 0}
    assert store.delivered["receiver", "dropped"] == 1


def test_the_text_of_a_firing_alert_is_updated(store: AlertStore, receiver: Receiver) -> None:
    store.update([DRIFT], now=NOW)

    store.update([replace(DRIFT, text="year and odometer", report="a.html")], now=NOW)

    assert [(alert.text, alert.report) for alert in store.firing()] == [("year and odometer", "a.html")]
    assert len(receiver.received) == 1


def test_a_clock_set_back_delays_no_notification(store: AlertStore, receiver: Receiver) -> None:
    receiver.is_down = True
    store.update([DRIFT], now=NOW + timedelta(days=365))
    receiver.is_down = False

    store.update([DRIFT], now=NOW)

    assert receiver.received == [("drift", True)]


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
        assert receiver.received == [(alert.key, True) for alert in active]

    assert store.waiting() == {failing.name: 2, "receiver": 0}  # the first is dropped after a day
    assert store.delivered[failing.name, "failed"] == 96 + 60 + 20  # once every 15 minutes
    store.close()


def test_a_receiver_that_hangs_delays_no_other(tmp_path: Path, receiver: Receiver) -> None:
    hanging = Hanging()
    store = AlertStore(tmp_path / "alerts.db", [hanging, receiver])
    try:
        store.update([DRIFT], now=NOW)
        store.update([], now=NOW + timedelta(minutes=1))

        assert receiver.received == [("drift", True), ("drift", False)]
        assert hanging.calls == 1  # it is not called again before it has returned
    finally:
        hanging.released.set()
        store.close()
    assert store.delivered["hanging", "delivered"] == 1


class States:
    """A state receiver in memory, such as Alertmanager; while it is down, it accepts nothing."""

    name = "alertmanager"

    def __init__(self) -> None:
        self.is_down, self.has_people = False, True
        self.received, self.attempts = list[tuple[datetime, dict[str, bool]]](), 0

    def send(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        self.attempts += 1
        if self.is_down:
            raise DeliveryFailed("it is down.")
        self.received.append((now, {alert.key: alert.is_firing for alert in alerts}))

    def has_receivers(self) -> bool:
        return self.has_people

    def close(self) -> None:
        pass


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def feeding(tmp_path: Path, states: States, receiver: Receiver) -> Iterator[AlertStore]:
    store = AlertStore(tmp_path / "alerts.db", [receiver], state_receiver=states)
    yield store
    store.close()


def test_alertmanager_gets_a_change_at_once_and_the_state_every_minute(
    feeding: AlertStore, states: States
) -> None:
    for second in range(0, 180, 5):
        feeding.update([DRIFT] if second < 100 else [], now=NOW + timedelta(seconds=second))

    assert [((at - NOW).total_seconds(), state) for at, state in states.received] == [
        (0, {"drift": True}),
        (60, {"drift": True}),
        (100, {"drift": False}),
        (160, {"drift": False}),
    ]


def test_alertmanager_gets_an_ended_alert_for_a_quarter_of_an_hour(
    feeding: AlertStore, states: States
) -> None:
    feeding.update([DRIFT], now=NOW)
    for minute in range(1, 60):
        feeding.update([], now=NOW + timedelta(minutes=minute))

    assert states.received[-1] == (NOW + timedelta(minutes=15), {"drift": False})


def test_alertmanager_down_for_nine_hours_delays_nobody_and_misses_nothing(
    feeding: AlertStore, states: States, receiver: Receiver
) -> None:
    states.is_down = True
    at = NOW
    while at < NOW + timedelta(hours=9):
        late = [replace(DRIFT, key="late")] if at >= NOW + timedelta(hours=8) else []
        feeding.update([DRIFT, *late], now=at)
        at += timedelta(seconds=30)

    assert receiver.received == [("drift", True), ("late", True)]
    assert feeding.waiting() == {"receiver": 0, "alertmanager": 2}
    assert 9 * 60 <= states.attempts <= 9 * 60 + 3

    states.is_down = False
    feeding.update([DRIFT, replace(DRIFT, key="late")], now=at + timedelta(minutes=1))

    assert states.received == [(at + timedelta(minutes=1), {"drift": True, "late": True})]
    assert feeding.waiting() == {"receiver": 0, "alertmanager": 0}


def test_alertmanager_gets_the_state_after_a_restart(
    feeding: AlertStore, states: States, tmp_path: Path
) -> None:
    feeding.update([DRIFT], now=NOW)
    states.received.clear()
    restarted = AlertStore(tmp_path / "alerts.db", [], state_receiver=states)

    restarted.update([DRIFT], now=NOW + timedelta(seconds=1))

    assert states.received == [(NOW + timedelta(seconds=1), {"drift": True})]
    restarted.close()


def test_a_clock_set_back_delays_no_state(feeding: AlertStore, states: States) -> None:
    feeding.update([DRIFT], now=NOW + timedelta(days=365))

    feeding.update([DRIFT], now=NOW)

    assert len(states.received) == 2


def test_receivers_are_those_that_notify_people(tmp_path: Path, feeding: AlertStore, states: States) -> None:
    assert feeding.receivers() == ["receiver", "alertmanager"]

    states.has_people = False
    console = AlertStore(tmp_path / "other.db", notifiers_from_urls(["console:"]), state_receiver=states)
    assert console.receivers() == []
    console.close()
