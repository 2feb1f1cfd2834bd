"""Compare ways to serve the same model: `python -m benchmarks.serving BUNDLE` (needs wrk, 4 minutes).

One worker each, measured alternately, so that what else the machine does meets all of them; medians over the
rounds, ratios against the first within each round.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.results import describe_model, save
from benchmarks.serving.contenders import CONTENDERS, Running, running
from benchmarks.serving.listings import Listing, listings_of
from benchmarks.serving.load import Round, ask

CLIENTS = (1, 16, 64)


def main() -> None:
    """Measure every service, and write `results/serving.json`."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("bundle", type=Path)
    given.add_argument("--rounds", type=int, default=3)
    given.add_argument("--seconds", type=int, default=4, help="of each round")
    chosen = given.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # otherwise the services keep running
    if shutil.which("wrk") is None:
        sys.exit("This needs wrk: apt-get install wrk")
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        services = [
            stack.enter_context(running(contender, chosen.bundle, folder / str(number)))
            for number, contender in enumerate(CONTENDERS)
        ]
        listings = listings_of(chosen.bundle)
        for clients in CLIENTS:
            turns = [
                [
                    _round(service, listings, clients=clients, seconds=chosen.seconds, folder=folder)
                    for service in services
                ]
                for _ in range(chosen.rounds)
            ]
            rows += _rows(services, turns, clients=clients)
    values = {"rounds": chosen.rounds, "seconds of a round": chosen.seconds, "services": rows}
    command = "make bench-serving BUNDLE=FOLDER"
    save("serving", values, command=command, model=describe_model(chosen.bundle))


def _round(
    service: Running, listings: Sequence[Listing], *, clients: int, seconds: int, folder: Path
) -> tuple[Round, float]:
    """Send requests for a while; return the measurements and CPU microseconds per request."""
    bodies = [service.contender.body(listing) for listing in listings]
    ask(service.url, bodies, clients=clients, seconds=1, folder=folder)
    began = service.cpu_s
    shown = ask(service.url, bodies, clients=clients, seconds=seconds, folder=folder)
    return shown, 1e6 * (service.cpu_s - began) / max(shown.rate * seconds, 1)


def _rows(
    services: Sequence[Running], turns: Sequence[Sequence[tuple[Round, float]]], *, clients: int
) -> list[dict[str, str | float]]:
    """Compute and print the medians of each service; ratios are to the first service of the same round."""
    rows = []
    for index, service in enumerate(services):
        pairs = [(turn[0][0], turn[index][0]) for turn in turns]
        row: dict[str, str | float] = {
            "clients": clients,
            "service": service.contender.name,
            "requests/s": round(median(own.rate for _, own in pairs)),
            "relative to the first": round(median(own.rate / first.rate for first, own in pairs), 1),
            "p50 ms": round(median(own.p50_ms for _, own in pairs), 1),
            "p99 ms": round(median(own.p99_ms for _, own in pairs), 1),
            "first's p99 over its p99": round(median(first.p99_ms / own.p99_ms for first, own in pairs), 1),
            "CPU us a request": round(median(turn[index][1] for turn in turns)),
            "memory MB": round(service.memory_mb),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
