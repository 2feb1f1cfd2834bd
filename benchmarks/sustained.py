"""Quote for minutes with all parts that production has: `python -m benchmarks.sustained STATE_DIR JOURNAL`.

STATE_DIR is that of a platform in which both pipelines have run; JOURNAL is the URL of an empty PostgreSQL
database on this machine. Two price services share the journal, and a watcher reads it; wrk sends requests.
Each window has its rate, latency and CPU by part. At the end every quote must be in the journal.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
from benchmarks.processes import Server, cpu_seconds, free_port, price_service, responds, running
from benchmarks.results import describe_model, save
from benchmarks.scale import count_quotes, postgresql_process, send_to_all, wait_for_journal
from benchmarks.serving.listings import sample_listings
from benchmarks.serving.wrk import require_wrk
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine

from carvalue.journal import Journal

SERVICES, WINDOW_S = 2, 30
LAG = "carvalue_journal_lag_seconds"


def main() -> None:
    """Measure windows of half a minute, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("journal")
    parser.add_argument("--minutes", type=int, default=5)
    options = parser.parse_args()
    require_wrk()
    state = options.state.resolve()
    bundle = state / "storage" / "work" / "initial_model_dag" / "bundle"
    settings = {
        "JOURNAL_URL": options.journal,
        "MLFLOW_TRACKING_URI": f"sqlite:///{state / 'mlflow.db'}",
        "STORAGE_URL": (state / "storage").as_uri(),
    }
    journal = Journal(options.journal)
    journal.migrate()
    journal.close()
    database = create_engine(options.journal)
    before = count_quotes(database)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        services = [
            stack.enter_context(price_service(bundle, folder / str(number), environment=settings))
            for number in range(SERVICES)
        ]
        watcher = stack.enter_context(_watcher(folder, settings | {"SERVICE_URL": services[0].url}))
        postgresql = postgresql_process(database)
        bodies = [json.dumps(listing) for listing in sample_listings(bundle)]
        windows = []
        for _ in range(60 * options.minutes // WINDOW_S):
            windows.append(_window(services, watcher, postgresql, bodies=bodies, folder=folder))
            print(windows[-1], flush=True)
        lag = wait_for_journal(database)
    stored = count_quotes(database) - before
    database.dispose()
    sent = sum(window["quotes"] for window in windows)
    if stored < sent:
        sys.exit(f"{sent - stored} quotes are not in the journal")
    values = {
        "quotes": sent,
        "stored": stored,
        "s until the last is stored": round(lag, 1),
        "windows": windows,
    }
    command = "python -m benchmarks.sustained STATE_DIR postgresql://..."
    save("sustained", values, command=command, model=describe_model(bundle))


@contextmanager
def _watcher(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run a watcher until the block ends."""
    port, state = free_port(), folder / "watcher"
    state.mkdir()
    with running(
        (sys.executable, "-m", "carvalue.monitoring.watcher"),
        environment={"STATE_DIR": str(state), "WATCHER_PORT": str(port), **settings},
        log=folder / "watcher.log",
        is_ready=lambda: responds(f"http://127.0.0.1:{port}/healthz"),
    ) as process:
        yield Server(port=port, process=process)


def _window(
    services: Sequence[Server],
    watcher: Server,
    postgresql: psutil.Process,
    *,
    bodies: Sequence[str],
    folder: Path,
) -> dict[str, float]:
    """Send requests for a window; return rate, latency, and what each part used."""
    processes = {"services": [service.process for service in services], "watcher": [watcher.process]}
    processes["PostgreSQL"] = [postgresql]
    before = {part: sum(map(cpu_seconds, members)) for part, members in processes.items()}
    results = send_to_all(services, bodies, seconds=WINDOW_S, folder=folder)
    quotes = round(sum(result.rate for result in results) * WINDOW_S)
    used = {part: sum(map(cpu_seconds, members)) - before[part] for part, members in processes.items()}
    return {
        "quotes": quotes,
        "quotes/s": round(quotes / WINDOW_S),
        "p50 ms": round(max(result.p50_ms for result in results), 1),
        "p99 ms": round(max(result.p99_ms for result in results), 1),
        **{f"CPU us per quote, {part}": round(1e6 * seconds / quotes) for part, seconds in used.items()},
        "s until a quote is stored": max(
            _metric(service, "carvalue_journal_lag_seconds") for service in services
        ),
        "quotes that the watcher has checked": round(_metric(watcher, "carvalue_watched_quotes_total")),
        "MB, largest service": round(max(service.memory_mb for service in services)),
        "MB, watcher": round(watcher.memory_mb),
    }


def _metric(server: Server, name: str) -> float:
    """Read a metric of a server, the sum of its series."""
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics", timeout=30).text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


if __name__ == "__main__":
    main()
