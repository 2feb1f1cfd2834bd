"""Load the price service while models are swapped and the journal fails: `python -m benchmarks.load BUNDLE`.

MLflow has the bundle in two versions, which are promoted in turns. In the middle another process locks the
journal. At the end every response is looked up in the journal; the program exits with 1 if a request failed,
or a quote is missing or differs. Writes `results/load.json`.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.clients import QuoteResponse, Responses, run_clients
from benchmarks.load.servers import model_registry, price_service, promote
from benchmarks.results import RESULTS, describe_model, save
from benchmarks.serving.listings import Listing, sample_listings

from carvalue.api import read_listing

SWAPS = 8
OUTAGE = (0.4, 0.6)
"""Start and end of the journal's outage, as shares of the duration."""
CATCH_UP_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a load test.

    Attributes:
        responses: Everything that the clients received.
        outage_seconds: How long the journal was locked.
        lost: Quotes that the journal lacks.
        different: Quotes whose row differs from the response.
        unexpected: Rows of the journal for which no client has a response.
        memory_mb: Memory of the largest worker before and after.
    """

    responses: Responses
    outage_seconds: float
    lost: int
    different: int
    unexpected: int
    memory_mb: tuple[float, float]

    @property
    def has_failures(self) -> bool:
        """Whether a request failed, or a quote is lost or differs."""
        return bool(self.responses.failures or self.lost or self.different)

    def as_values(self) -> Mapping[str, object]:
        """Return the figures for the results file."""
        times = sorted(self.responses.times)
        p50, p99, slowest = (1e3 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99, 1))
        return {
            "quotes": len(self.responses.quotes),
            "failed requests": len(self.responses.failures),
            "missing in the journal": self.lost,
            "different in the journal": self.different,
            "in the journal without a response": self.unexpected,
            "model swaps": SWAPS,
            "versions that quoted": len({quote.model_version for quote in self.responses.quotes.values()}),
            "seconds without the journal": round(self.outage_seconds),
            "p50 ms": round(p50, 1),
            "p99 ms": round(p99, 1),
            "slowest ms": round(slowest, 1),
            "MB at the start": round(self.memory_mb[0]),
            "MB at the end": round(self.memory_mb[1]),
        }


def main() -> None:
    """Run the test, print the report and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the results file")
    options = parser.parse_args()
    bundle = options.bundle.resolve()
    report = run(bundle, seconds=options.seconds, clients=options.clients, workers=options.workers)
    values = {"seconds": options.seconds, "clients": options.clients} | report.as_values()
    print("\n".join(f"{name}: {value}" for name, value in values.items()))
    command = "make bench-load BUNDLE=FOLDER"
    save("load", values, command=command, model=describe_model(bundle), folder=options.results)
    if report.has_failures:
        sys.exit("\n".join(report.responses.failures[:5]) or 1)


def run(bundle: Path, *, seconds: float, clients: int, workers: int) -> Report:
    """Start the servers, send requests, and compare the responses with the journal."""
    listings = sample_listings(bundle)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            model_registry(bundle, folder) as uri,
            price_service(folder / "state", uri=uri, workers=workers) as service,
        ):
            journal = folder / "state" / "service" / "journal.db"
            start_mb = service.memory_mb
            responses, outage_seconds = asyncio.run(
                _load(service.port, listings, uri=uri, journal=journal, clients=clients, seconds=seconds)
            )
            end_mb = service.memory_mb
            _wait_for_rows(journal, rows=len(responses.quotes))
        return _compare(
            responses, listings, journal, outage_seconds=outage_seconds, memory_mb=(start_mb, end_mb)
        )


async def _load(
    port: int, listings: Sequence[Listing], *, uri: str, journal: Path, clients: int, seconds: float
) -> tuple[Responses, float]:
    responses, _, outage_seconds = await asyncio.gather(
        run_clients(port, listings, clients=clients, seconds=seconds),
        asyncio.to_thread(_swap_models, uri, seconds),
        asyncio.to_thread(_lock, journal, seconds),
    )
    return responses, outage_seconds


def _swap_models(uri: str, seconds: float) -> None:
    """Promote the other version at regular times; time is left to see the last one."""
    for number in range(SWAPS):
        time.sleep(seconds / (SWAPS + 1))
        promote(uri, version=2 - number % 2)


def _lock(journal: Path, seconds: float) -> float:
    """Lock the journal for a part of the duration; return the seconds."""
    start, end = (share * seconds for share in OUTAGE)
    time.sleep(start)
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=60)) as connection:
        connection.execute("begin exclusive")
        time.sleep(end - start)
        connection.execute("rollback")
    return end - start


def _wait_for_rows(journal: Path, *, rows: int) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while time.monotonic() < deadline:
        # on a slow machine the service may not have created the table yet
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(journal, timeout=60)) as connection,
        ):
            if connection.execute("select count(*) from quotes").fetchone()[0] >= rows:
                return
        time.sleep(0.5)


def _compare(
    responses: Responses,
    listings: Sequence[Listing],
    journal: Path,
    *,
    outage_seconds: float,
    memory_mb: tuple[float, float],
) -> Report:
    """Look up each response in the journal: the quote, its version and its listing."""
    missing, different, unexpected = dict(responses.quotes), 0, 0
    with closing(sqlite3.connect(journal)) as connection:
        query = "select quote_id, price, low, high, model_version, listing from quotes"
        for quote_id, *quote, listing in connection.execute(query):
            response = missing.pop(quote_id, None)
            if response is None:
                unexpected += 1
            else:
                different += not _is_same(response, quote, json.loads(listing), listings)
    return Report(
        responses=responses,
        outage_seconds=outage_seconds,
        lost=len(missing),
        different=different,
        unexpected=unexpected,
        memory_mb=memory_mb,
    )


def _is_same(
    response: QuoteResponse, quote: list[object], listing: object, listings: Sequence[Listing]
) -> bool:
    received = [response.price, response.low, response.high, response.model_version]
    return received == quote and listing == read_listing(dict(listings[response.listing]))


if __name__ == "__main__":
    main()
