"""The demonstration leaves the journal and the watcher as they were."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from carvalue.demo import drift_demo
from carvalue.demo.drift_demo import LivePlatform, PlatformBusy
from carvalue.journal import Journal, JournalCursor, LeasedState
from carvalue.listings.datasets import Dataset
from factories import an_entry

BEFORE, DURING = {"cursor": 1}, {"cursor": 2}
REAL, OURS, LATER = (an_entry(number) for number in (1, 2, 3))


class LiveWatcher:
    """What the demonstration needs of a watcher: it checks quotes while it holds its lease."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.alerts = journal, list[dict[str, object]]()
        self.state().acquire(datetime.now(UTC))

    def state(self) -> LeasedState:
        return LeasedState(self.journal, "watcher", "the watcher")

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/alerts":
            return httpx.Response(200, json={"firing": self.alerts})
        is_active = self.state().acquire(datetime.now(UTC))
        return httpx.Response(200, json={"model_version": "1"} if is_active else {"features": []})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(f"sqlite:///{tmp_path}/journal.db")) as opened:
        yield opened


@pytest.fixture
def watcher(journal: Journal) -> LiveWatcher:
    return LiveWatcher(journal)


@pytest.fixture
def platform(journal: Journal, watcher: LiveWatcher, tmp_path: Path) -> Iterator[LivePlatform]:
    transport = httpx.MockTransport(watcher.answer)
    with httpx.Client(base_url="http://watcher", transport=transport) as client:
        yield LivePlatform(
            service=client, watcher=client, alertmanager=None, journal=journal, dataset=Dataset(tmp_path)
        )


def kept(journal: Journal) -> list[str]:
    arrived = journal.arrived(JournalCursor(), until=datetime.now(UTC), limit=9)
    return [entry.quote_id for entry in arrived.entries]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt], ids=["completed", "stopped"])
def test_quotes_and_state_are_as_before(
    journal: Journal, watcher: LiveWatcher, platform: LivePlatform, error: type[BaseException] | None
) -> None:
    journal.write([REAL])
    watcher.state().write(BEFORE)

    def demonstrate() -> None:
        with drift_demo._restored_afterwards(platform, lambda *_, **__: None):
            journal.write([OURS, LATER])
            platform.quote_ids.add(OURS.quote_id)
            watcher.state().write(DURING)
            if error:
                raise error

    if error:
        with pytest.raises(error):
            demonstrate()
    else:
        demonstrate()

    assert kept(journal) == [REAL.quote_id, LATER.quote_id]
    assert watcher.state().read() == BEFORE
    assert watcher.state().acquire(datetime.now(UTC))


def test_a_watcher_that_has_lost_its_lease_cannot_save_what_it_learned(
    journal: Journal, watcher: LiveWatcher
) -> None:
    watcher.state().write(BEFORE)

    LeasedState(journal, "watcher", "the demonstration").seize(datetime.now(UTC))

    with pytest.raises(Exception, match="Another instance holds the state"):
        watcher.state().write(DURING)


def test_a_real_alert_is_not_hidden(watcher: LiveWatcher, platform: LivePlatform) -> None:
    watcher.alerts = [{"kind": "drift", "title": "drifted"}, {"kind": "retraining", "title": "failed"}]

    with pytest.raises(PlatformBusy, match="An alert is firing: drifted"):
        drift_demo._require_no_alert(platform)
