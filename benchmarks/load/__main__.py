"""Load test with model swaps and a journal outage: `python -m benchmarks.load BUNDLE`.

A real MLflow has the bundle in two versions, which are promoted in turns. In the middle the journal is locked
by another process. In the end every answer that a client got is looked up in the journal: nothing failed and
nothing is lost, or it ends with 1.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from benchmarks.load.clients import Answered, Memory, ask_all
from benchmarks.load.servers import model_registry, price_service, promote
from benchmarks.serving.listings import Listing, listings_of

from carvalue.serving.requests.validation import read_listing

SWAPS = 8
OUTAGE = (0.4, 0.6)  # start and end, as shares of the time
CATCH_UP_S = 300  # for the outbox to drain


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of the load test."""

    memory: Memory
    swaps: int
    outage_s: float
    lost: int
    different: int
    unasked: int
    """Rows of the journal that nobody was answered."""
    mb: tuple[float, float]
    """Largest worker's memory before and after."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing failed, is lost or differs."""
        return not (self.memory.failures or self.lost or self.different)

    def __str__(self) -> str:
        times = sorted(self.memory.times)
        p50, p99, worst = (1e3 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99, 1))
        versions = sorted({answer.model_version for answer in self.memory.quotes.values()})
        return (
            f"quotes answered {len(self.memory.quotes):,}, failed {len(self.memory.failures)}, "
            f"not in the journal {self.lost}, other there {self.different}, there unasked {self.unasked}\n"
            f"model swapped {self.swaps} times, quotes by versions {', '.join(versions)}; "
            f"journal away {self.outage_s:.0f} s\n"
            f"ms: p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f}; MB {self.mb[0]:.0f} then {self.mb[1]:.0f}"
        )


def main() -> None:
    """Run the load test and print the report."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("bundle", type=Path)
    given.add_argument("--seconds", type=float, default=600)
    given.add_argument("--clients", type=int, default=16)
    given.add_argument("--workers", type=int, default=1)
    chosen = given.parse_args()
    report = run(
        chosen.bundle.resolve(), seconds=chosen.seconds, clients=chosen.clients, workers=chosen.workers
    )
    print(report)
    if not report.is_clean:
        sys.exit("\n".join(report.memory.failures[:5]) or 1)


def run(bundle: Path, *, seconds: float, clients: int, workers: int) -> Report:
    """Start all servers, send requests, and compare responses with the journal."""
    listings = listings_of(bundle)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            model_registry(bundle, folder) as uri,
            price_service(folder / "state", uri=uri, workers=workers) as (port, process),
        ):
            journal = folder / "state" / "service" / "journal.db"
            began = _megabytes(process)
            memory, swaps, outage_s = asyncio.run(
                _load(port, listings, uri=uri, journal=journal, clients=clients, seconds=seconds)
            )
            ended = _megabytes(process)
            _wait_for(journal, rows=len(memory.quotes))
        return _compared(memory, listings, journal, swaps=swaps, outage_s=outage_s, mb=(began, ended))


async def _load(
    port: int, listings: Sequence[Listing], *, uri: str, journal: Path, clients: int, seconds: float
) -> tuple[Memory, int, float]:
    asking = ask_all(port, listings, clients=clients, seconds=seconds)
    swapping = asyncio.to_thread(_swap, uri, seconds)
    locking = asyncio.to_thread(_lock, journal, seconds)
    memory, swaps, outage_s = await asyncio.gather(asking, swapping, locking)
    return memory, swaps, outage_s


def _swap(uri: str, seconds: float) -> int:
    """Promote the two versions alternately until the end, and wait for the last one."""
    for number in range(SWAPS):
        time.sleep(seconds / (SWAPS + 1))
        promote(uri, version=2 - number % 2)
    return SWAPS


def _lock(journal: Path, seconds: float) -> float:
    """Lock the journal for part of the time."""
    start, end = (share * seconds for share in OUTAGE)
    time.sleep(start)
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=60)) as other:
        other.execute("begin exclusive")
        time.sleep(end - start)
        other.execute("rollback")
    return end - start


def _wait_for(journal: Path, *, rows: int) -> None:
    until = time.monotonic() + CATCH_UP_S
    while time.monotonic() < until:
        # on a slow machine the service may not have created the table yet
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(journal, timeout=60)) as there:
            if there.execute("select count(*) from quotes").fetchone()[0] >= rows:
                return
        time.sleep(0.5)


def _compared(
    memory: Memory,
    listings: Sequence[Listing],
    journal: Path,
    *,
    swaps: int,
    outage_s: float,
    mb: tuple[float, float],
) -> Report:
    """Look up every answer: the quote, its version and its listing."""
    missing, different, unasked = dict(memory.quotes), 0, 0
    with closing(sqlite3.connect(journal)) as there:
        wanted = "select quote_id, price, low, high, model_version, listing from quotes"
        for quote_id, *quoted, listing in there.execute(wanted):
            answer = missing.pop(quote_id, None)
            if answer is None:
                unasked += 1
            else:
                different += not _same(answer, quoted, json.loads(listing), listings)
    return Report(
        memory=memory,
        swaps=swaps,
        outage_s=outage_s,
        lost=len(missing),
        different=different,
        unasked=unasked,
        mb=mb,
    )


def _same(answer: Answered, quoted: list[object], listing: object, listings: Sequence[Listing]) -> bool:
    received = [answer.price, answer.low, answer.high, answer.model_version]
    return received == quoted and listing == read_listing(dict(listings[answer.listing]))


def _megabytes(process: int) -> float:
    first = psutil.Process(process)
    return max(one.memory_info().rss for one in (first, *first.children(recursive=True))) / 1e6


if __name__ == "__main__":
    main()
