"""Measure several price services with one journal: `python -m benchmarks.scale BUNDLE JOURNAL` (needs wrk).

JOURNAL is the URL of an empty PostgreSQL database on this machine. CPU seconds depend less on other load than
rates do; estimates for other machines use them.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
from benchmarks.processes import Server, cpu_seconds, price_service
from benchmarks.results import describe_model, save
from benchmarks.serving.listings import sample_listings
from benchmarks.serving.wrk import LoadResult, require_wrk, send_requests
from sqlalchemy import Engine, create_engine, text

from carvalue.journal import Journal

SERVICES, CLIENTS, SECONDS = (1, 2, 4), 32, 8


def main() -> None:
    """Measure one, two and four services, and write `results/scale.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("journal")
    options = parser.parse_args()
    require_wrk()
    journal = Journal(options.journal)
    journal.migrate()
    journal.close()
    database = create_engine(options.journal)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in SERVICES:
            folder = Path(name) / str(count)
            rows.append(measure(options.bundle, options.journal, database, count=count, folder=folder))
            print(rows[-1], flush=True)
    values = {"bytes per quote": round(_table_bytes(database) / count_quotes(database)), "services": rows}
    database.dispose()
    command = "python -m benchmarks.scale BUNDLE postgresql://..."
    save("scale", values, command=command, model=describe_model(options.bundle))


def measure(bundle: Path, journal: str, database: Engine, *, count: int, folder: Path) -> dict[str, float]:
    """Send requests to a number of services at the same time, and wait until the journal has every quote."""
    bodies = [json.dumps(listing) for listing in sample_listings(bundle)]
    with ExitStack() as stack:
        services = [
            stack.enter_context(
                price_service(bundle, folder / str(number), environment={"JOURNAL_URL": journal})
            )
            for number in range(count)
        ]
        send_to_all(services, bodies, seconds=1, folder=folder)
        wait_for_journal(database)
        quotes = count_quotes(database)
        service_cpu, database_cpu = _cpu_of_services(services), cpu_seconds(postgresql_process(database))
        results = send_to_all(services, bodies, seconds=SECONDS, folder=folder)
        lag = wait_for_journal(database)
        quotes = count_quotes(database) - quotes
        service_cpu = _cpu_of_services(services) - service_cpu
        database_cpu = cpu_seconds(postgresql_process(database)) - database_cpu
    return {
        "services": count,
        "quotes/s": round(sum(result.rate for result in results)),
        "p50 ms": round(max(result.p50_ms for result in results), 1),
        "p99 ms": round(max(result.p99_ms for result in results), 1),
        "CPU us per quote, service": round(1e6 * service_cpu / quotes),
        "CPU us per quote, PostgreSQL": round(1e6 * database_cpu / quotes),
        "ms until the last quote is in the journal": round(1e3 * lag),
    }


def send_to_all(
    services: Sequence[Server], bodies: Sequence[str], *, seconds: int, folder: Path
) -> list[LoadResult]:
    """Send requests to all services at once; the clients are divided among them."""

    def send(service: Server) -> LoadResult:
        scripts = folder / f"wrk-{service.port}"
        scripts.mkdir(exist_ok=True)
        clients = CLIENTS // len(services)
        return send_requests(
            f"{service.url}/predict", bodies, clients=clients, seconds=seconds, folder=scripts
        )

    with ThreadPoolExecutor(len(services)) as pool:
        return list(pool.map(send, services))


def wait_for_journal(database: Engine) -> float:
    """Wait until the journal has not grown for a second; return the seconds until it last grew."""
    start = last_growth = time.perf_counter()
    quotes = -1
    while (now := time.perf_counter()) < last_growth + 1:
        if quotes != (current := count_quotes(database)):
            quotes, last_growth = current, now
        time.sleep(0.02)
    return last_growth - start


def count_quotes(database: Engine) -> int:
    """Count the quotes in the journal."""
    with database.connect() as connection:
        return int(connection.execute(text("select count(*) from quotes")).scalar_one())


def _table_bytes(database: Engine) -> int:
    """Measure the quotes of all days with their indexes; the partitioned table itself holds none."""
    partitions = "select sum(pg_total_relation_size(relid)) from pg_partition_tree('quotes')"
    with database.connect() as connection:
        return int(connection.execute(text(partitions)).scalar_one())


def _cpu_of_services(services: Sequence[Server]) -> float:
    return sum(service.cpu_seconds for service in services)


def postgresql_process(database: Engine) -> psutil.Process:
    """Find the process of the server, whose children serve the connections."""
    with database.connect() as connection:
        backend = psutil.Process(connection.execute(text("select pg_backend_pid()")).scalar_one())
    server = backend.parent()
    if server is None:
        sys.exit("PostgreSQL must run on this machine, with processes that this program can see.")
    return server


if __name__ == "__main__":
    main()
