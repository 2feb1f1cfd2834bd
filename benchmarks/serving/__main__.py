"""Compare ways to serve the same model: `python -m benchmarks.serving BUNDLE` (needs wrk, about 4 minutes).

One worker each, measured in turns, so that other load on the machine affects all of them. The results are
medians over the rounds; ratios are to the baseline of the same round.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.processes import Server
from benchmarks.results import describe_model, save
from benchmarks.serving.listings import Listing, sample_listings
from benchmarks.serving.services import CARVALUE, SERVICES, ServiceUnderTest, running_service
from benchmarks.serving.wrk import LoadResult, require_wrk, send_requests

CLIENTS = (1, 16, 64)
COMMAND = "make bench-serving BUNDLE=FOLDER"

Measurement = tuple[LoadResult, float]
"""What wrk measured, and CPU microseconds per request."""


def main() -> None:
    """Measure every service, and write `results/serving.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each round")
    options = parser.parse_args()
    require_wrk()
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = [
            stack.enter_context(running_service(service, options.bundle, folder / str(number)))
            for number, service in enumerate(SERVICES)
        ]
        listings = sample_listings(options.bundle)
        for clients in CLIENTS:
            rounds = [
                [
                    measure(
                        service, server, listings, clients=clients, seconds=options.seconds, folder=folder
                    )
                    for service, server in zip(SERVICES, servers, strict=True)
                ]
                for _ in range(options.rounds)
            ]
            rows += table_rows(servers, rounds, clients=clients)
    values = {
        "rounds": options.rounds,
        "seconds of a round": options.seconds,
        "carvalue": summary(rows),
        "services": rows,
    }
    save("serving", values, command=COMMAND, model=describe_model(options.bundle))


def measure(
    service: ServiceUnderTest,
    server: Server,
    listings: Sequence[Listing],
    *,
    clients: int,
    seconds: int,
    folder: Path,
) -> Measurement:
    """Send requests to one service, after a second of warm-up."""
    url, bodies = f"{server.url}{service.path}", [service.body(listing) for listing in listings]
    send_requests(url, bodies, clients=clients, seconds=1, folder=folder)
    before = server.cpu_seconds
    result = send_requests(url, bodies, clients=clients, seconds=seconds, folder=folder)
    return result, 1e6 * (server.cpu_seconds - before) / max(result.rate * seconds, 1)


def table_rows(
    servers: Sequence[Server], rounds: Sequence[Sequence[Measurement]], *, clients: int
) -> list[dict[str, str | float]]:
    """Compute and print the medians of each service."""
    rows = []
    for index, (service, server) in enumerate(zip(SERVICES, servers, strict=True)):
        pairs = [(turn[0][0], turn[index][0]) for turn in rounds]
        row: dict[str, str | float] = {
            "clients": clients,
            "service": service.name,
            "requests/s": round(median(own.rate for _, own in pairs)),
            "times the baseline": round(median(own.rate / first.rate for first, own in pairs), 1),
            "p50 ms": round(median(own.p50_ms for _, own in pairs), 1),
            "p99 ms": round(median(own.p99_ms for _, own in pairs), 1),
            "baseline's p99 / p99": round(median(first.p99_ms / own.p99_ms for first, own in pairs), 1),
            "CPU us per request": round(median(turn[index][1] for turn in rounds)),
            "memory MB": round(server.memory_mb),
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def summary(rows: Sequence[dict[str, str | float]]) -> dict[str, dict[str, float]]:
    """Return throughput and CPU of the price service relative to baseline and constant."""
    by_service = {(row["clients"], row["service"]): row for row in rows}
    values = {}
    for clients in CLIENTS:
        own, constant = (by_service[clients, service.name] for service in (CARVALUE, SERVICES[-1]))
        values[f"{clients} clients"] = {
            "times the baseline": float(own["times the baseline"]),
            "share of the constant's throughput": round(
                float(own["requests/s"]) / float(constant["requests/s"]), 2
            ),
            "CPU, times the constant's": round(
                float(own["CPU us per request"]) / float(constant["CPU us per request"]), 1
            ),
        }
    return values


if __name__ == "__main__":
    main()
