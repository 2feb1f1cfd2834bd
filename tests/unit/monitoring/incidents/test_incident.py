"""An incident shows real quotes of its channel before, during and after it, and their figures."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from carvalue.journal import Journal, first_id_at
from carvalue.monitoring.alerting import Alert, AlertStore
from carvalue.monitoring.incidents import IncidentReader
from factories import an_entry

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DRIFT = Alert(
    key="drift:page",
    kind="drift",
    severity="warning",
    title="drifted",
    text="odometer",
    since=NOON + 5 * MINUTE,
    evidence={
        "channel": "page",
        "changed_at": NOON.isoformat(),
        "changes": [{"name": "odometer", "score": 2.0}, {"name": "fuel", "score": 1.0}],
    },
)


class Scene:
    """A journal, an alert store, and the reader of both."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(f"sqlite:///{folder}/journal.db")
        self.store = AlertStore(folder / "alerts.db", ())
        self.reader = IncidentReader(self.store.incidents, self.journal)
        self.number = 0

    def quote(self, moment: datetime, *, price: int, odometer: int | None, route: str = "page") -> str:
        self.number += 1
        quote_id = f"{first_id_at(moment)}{self.number:020x}"
        listing = {"manufacturer": "ford", "odometer": odometer, "fuel": "gas"}
        entry = replace(
            an_entry(1),
            quote_id=quote_id,
            quoted_at=moment,
            price=price,
            route=route,
            low=price - 1_000,
            high=price + 1_000,
            listing=listing,
            trace_id=f"{self.number:032x}",
        )
        self.journal.write([entry])
        return quote_id

    def close(self) -> None:
        self.store.close()
        self.journal.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(tmp_path)) as opened:
        yield opened


def test_the_periods_are_parted_by_the_change_and_by_its_end(scene: Scene) -> None:
    sold = scene.quote(NOON - MINUTE, price=10_000, odometer=50_000)
    scene.quote(NOON - 2 * MINUTE, price=90_000, odometer=1, route="api")
    for minute, odometer in ((1, 80_000), (2, None)):
        scene.quote(NOON + minute * MINUTE, price=8_000, odometer=odometer)
    scene.store.update([DRIFT], now=NOON + 5 * MINUTE)
    scene.store.update([], now=NOON + 10 * MINUTE)
    scene.quote(NOON + 11 * MINUTE, price=10_200, odometer=51_000)
    scene.journal.add_feedback(quote_id=sold, sale_price=8_000, reported_at=NOON)

    incident = scene.reader.read(1, now=NOON + 20 * MINUTE)

    assert [(item.name, item.quotes, item.median_price) for item in incident.periods] == [
        ("before", 1, 10_000),
        ("during", 2, 8_000),
        ("afterwards", 1, 10_200),
    ]
    before, during, _ = incident.periods
    assert (before.sales, before.median_error) == (1, 0.25)
    assert [(item.name, item.median, item.missing) for item in during.fields] == [
        ("odometer", 80_000, 0.5),
        ("fuel", None, 0.0),
    ]
    assert (during.fields[1].most_frequent, during.fields[1].share) == ("gas", 1.0)
    assert [sample.trace_id for sample in during.samples] == [f"{number:032x}" for number in (3, 4)]


def test_the_effect_begins_with_the_version_that_a_retraining_brought(scene: Scene) -> None:
    scene.store.update([DRIFT], now=NOON + 5 * MINUTE)
    scene.store.incidents.note_run("by-alarm-1", kinds={"drift"})
    ended = NOON + 8 * MINUTE
    scene.store.incidents.note_result("by-alarm-1", result="promoted", version=4, ended_at=ended)

    incident = scene.reader.read(1, now=NOON + 20 * MINUTE)

    assert incident.repaired_at == ended
    assert [item.name for item in incident.periods] == ["before", "during", "afterwards"]


def test_a_quote_that_its_owner_deletes_is_gone_from_the_incident(scene: Scene) -> None:
    quote_id = scene.quote(NOON + MINUTE, price=8_000, odometer=80_000)
    scene.store.update([DRIFT], now=NOON + 5 * MINUTE)
    before = scene.reader.read(1, now=NOON + 6 * MINUTE)

    scene.journal.delete(quote_id)

    after = scene.reader.read(1, now=NOON + 6 * MINUTE)
    assert [item.periods[1].quotes for item in (before, after)] == [1, 0]


def test_samples_name_neither_the_quote_nor_the_client(scene: Scene) -> None:
    quote_id = scene.quote(NOON + MINUTE, price=8_000, odometer=80_000)
    scene.store.update([DRIFT], now=NOON + 5 * MINUTE)

    incident = scene.reader.read(1, now=NOON + 6 * MINUTE)

    assert incident.periods[1].samples
    assert quote_id not in repr(incident)
