"""Measure what the journal costs: `python -m benchmarks.journal_cost BUNDLE` (needs wrk, a minute).

Two services with the same model, one of them without a journal, are measured in turns, so that other load on
the machine affects both. CPU seconds depend less on other load than rates do.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.processes import Server, price_service
from benchmarks.results import describe_model, save
from benchmarks.serving.listings import sample_listings
from benchmarks.serving.wrk import LoadResult, require_wrk, send_requests

ROUNDS, SECONDS = 5, 2
CLIENTS = (1, 16, 64)
WITHOUT_JOURNAL = "--without-journal"
PROGRAMS = (("-m", "benchmarks.journal_cost", WITHOUT_JOURNAL), ("-m", "carvalue.serving"))


def main() -> None:
    """Measure both services, and write `results/journal_cost.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    bundle = parser.parse_args().bundle
    require_wrk()
    bodies = [json.dumps(listing) for listing in sample_listings(bundle)]
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        services = [
            stack.enter_context(price_service(bundle, folder / str(number), program=program))
            for number, program in enumerate(PROGRAMS)
        ]
        for clients in CLIENTS:
            rounds = [
                [measure(service, bodies, clients=clients, folder=folder) for service in services]
                for _ in range(ROUNDS)
            ]
            rows.append(table_row(rounds, clients=clients))
            print(rows[-1], flush=True)
    command = "python -m benchmarks.journal_cost BUNDLE"
    save("journal_cost", {"journal": rows}, command=command, model=describe_model(bundle))


def measure(
    service: Server, bodies: Sequence[str], *, clients: int, folder: Path
) -> tuple[LoadResult, float]:
    """Send requests; return what wrk measured, and CPU microseconds per request."""
    before = service.cpu_seconds
    result = send_requests(f"{service.url}/predict", bodies, clients=clients, seconds=SECONDS, folder=folder)
    return result, 1e6 * (service.cpu_seconds - before) / (result.rate * SECONDS)


def table_row(rounds: Sequence[Sequence[tuple[LoadResult, float]]], *, clients: int) -> dict[str, float]:
    """Return the medians without and with the journal; the ratio is the median of the rounds' ratios."""
    without, complete = ([pair[index] for pair in rounds] for index in (0, 1))
    ratios = [own[0].rate / other[0].rate for other, own in zip(without, complete, strict=True)]
    return {
        "clients": clients,
        "requests/s without": round(median(load.rate for load, _ in without)),
        "with": round(median(load.rate for load, _ in complete)),
        "ratio": round(median(ratios), 2),
        "p99 ms without": round(median(load.p99_ms for load, _ in without), 1),
        "p99 ms with": round(median(load.p99_ms for load, _ in complete), 1),
        "CPU us per request without": round(median(cpu for _, cpu in without)),
        "CPU us with": round(median(cpu for _, cpu in complete)),
    }


def serve_without_journal() -> None:
    """Run the price service with a journal writer that stores nothing."""
    from carvalue.journal import JournalWriter
    from carvalue.serving import __main__

    def discard(*_: object) -> asyncio.Future[bool]:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    JournalWriter.record = discard  # type: ignore[method-assign]
    __main__.main()


if __name__ == "__main__":
    if sys.argv[1:] == [WITHOUT_JOURNAL]:
        serve_without_journal()
    else:
        main()
