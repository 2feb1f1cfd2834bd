"""Entries of the outbox reach the journal when it is available; those that never can are counted."""

from pathlib import Path

from carvalue.journal.entries import JournalEntry
from carvalue.journal.forwarder import Forwarder
from carvalue.journal.outbox import Outbox
from carvalue.journal.store import EntriesRefused, JournalUnavailable
from carvalue.telemetry.metrics import ServiceMetrics
from factories import an_entry


class FakeJournal:
    """A journal in memory: up or down, and it takes no entry without a price."""

    def __init__(self) -> None:
        self.stored: dict[str, JournalEntry] = {}
        self.is_down = False

    def write(self, entries: list[JournalEntry]) -> None:
        if self.is_down:
            raise JournalUnavailable("Down.")
        if any(entry.price == 0 for entry in entries):
            raise EntriesRefused("No price.")
        self.stored |= {entry.quote_id: entry for entry in entries}


class Desk:
    """A spool, a journal, and a clock that stands ten seconds after the first entry."""

    def __init__(self, folder: Path) -> None:
        self.spool, self.journal, self.metrics = (
            Outbox(folder, limit_bytes=2**20),
            FakeJournal(),
            ServiceMetrics(),
        )
        at = an_entry().quoted_at.timestamp() + 10
        self.replay = Forwarder(
            spool=self.spool, journal=self.journal, metrics=self.metrics, clock=lambda: at
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def test_an_outage_is_outlived_and_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.journal.is_down = True
    desk.spool.append([an_entry(0), an_entry(1)])

    desk.replay.forward()
    down = {
        name: desk.metric(f"carvalue_{name}") for name in ("journal_up", "journal_lag_seconds", "spool_bytes")
    }
    state = desk.replay.journal_state
    desk.journal.is_down = False
    desk.replay.forward()

    assert state == "down"
    assert down == {"journal_up": 0, "journal_lag_seconds": 10, "spool_bytes": 2 * len(an_entry(0).as_line())}
    assert list(desk.journal.stored.values()) == [an_entry(0), an_entry(1)]
    assert desk.replay.journal_state == "up"
    assert desk.metric("carvalue_journal_lag_seconds") == desk.metric("carvalue_spool_bytes") == 0
    assert desk.metric("carvalue_journal_writes_total") == 2
    desk.spool.close()


def test_one_that_is_refused_does_not_hold_up_the_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.spool.append([an_entry(0), an_entry(1, price=0), an_entry(2)])

    desk.replay.forward()

    assert list(desk.journal.stored.values()) == [an_entry(0), an_entry(2)]
    assert desk.metric("carvalue_journal_dropped_total", reason="refused") == 1
    desk.spool.close()


def test_a_damaged_line_is_counted_and_a_torn_one_is_not(tmp_path: Path) -> None:
    torn = an_entry(3).as_line()[:-5]
    lines = [an_entry(1).as_line(), b"\xff\x00 garbage\n", b"[1]\n", b"{}\n", an_entry(2).as_line(), torn]
    (tmp_path / "1.ndjson").write_bytes(b"".join(lines))
    desk = Desk(tmp_path)

    desk.replay.forward()

    assert list(desk.journal.stored.values()) == [an_entry(1), an_entry(2)]
    assert desk.metric("carvalue_journal_dropped_total", reason="unreadable") == 3
    assert list(tmp_path.iterdir()) == []
    desk.spool.close()


def test_the_limit_is_shown_beside_what_waits(tmp_path: Path) -> None:
    assert Desk(tmp_path).metric("carvalue_spool_limit_bytes") == 2**20
