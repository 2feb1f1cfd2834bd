"""Compare one Celery worker with two: `python -m benchmarks.celery_workers POSTGRESQL REDIS`.

POSTGRESQL is the URL of a server, with a user who may create databases; REDIS is the URL of a broker. The
extras `postgres`, `celery` and `login` must be installed. Components start as their containers do. A worker
runs one task at a time.
"""

import argparse
import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from benchmarks.celery_workers.spread_dag import TASKS, WORK_S
from benchmarks.processes import cpu_seconds
from benchmarks.results import save

START = Path(__file__).parents[2] / "deploy" / "containers" / "start.py"
DATABASES = ("airflow", "mlflow", "journal")
DAG, RUNS = "/api/v2/dags/spread", "/api/v2/dags/spread/dagRuns"
WORKERS, PASSWORD, TIMEOUT_SECONDS = (1, 2), secrets.token_hex(), 300.0


def main() -> None:
    """Measure one and two workers, and write `results/celery_workers.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("postgresql")
    parser.add_argument("redis")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # without it Airflow would keep running
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        settings = _settings(folder, owner=options.postgresql, redis=options.redis)
        migrate = [sys.executable, START, "migrate"]
        subprocess.run(migrate, env=settings, check=True, stdout=subprocess.DEVNULL)
        for role in ("airflow-api", "airflow-scheduler", "airflow-dag-processor"):
            stack.enter_context(_running([role], settings, log=folder / f"{role}.log"))
        client = stack.enter_context(_client(settings))
        for count in WORKERS:
            with ExitStack() as running:
                workers = [
                    running.enter_context(_worker(number, settings, folder)) for number in range(count)
                ]
                _run_tasks(client, workers, name=f"warm-{count}")
                rows.append({"workers": count} | _run_tasks(client, workers, name=f"run-{count}"))
                print(rows[-1], flush=True)
    values = {"tasks": TASKS, "CPU seconds of a task's work": WORK_S, "workers": rows}
    command = "python -m benchmarks.celery_workers postgresql://... redis://..."
    save("celery_workers", values, command=command, model="none")


def _settings(folder: Path, *, owner: str, redis: str) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = urlsplit(owner)
    address = f"{server.hostname}:{server.port}"
    url = {name: f"postgresql://{name}:{secrets.token_hex()}@{address}/{name}" for name in DATABASES}
    airflow = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__PARALLELISM": "32",
        "CORE__DAGS_FOLDER": str(Path(__file__).parent),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "API_AUTH__JWT_SECRET": secrets.token_hex(),
        "DATABASE__SQL_ALCHEMY_CONN": url["airflow"],
        "CELERY__RESULT_BACKEND": f"db+{url['airflow']}",
        "CELERY__BROKER_URL": redis,
    }
    return {f"AIRFLOW__{name}": value for name, value in airflow.items()} | {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "STATE_DIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "AIRFLOW_PORT": str(port),
        "AIRFLOW_PASSWORD": PASSWORD,
        "MLFLOW_BACKEND_STORE_URI": url["mlflow"],
        "JOURNAL_URL": url["journal"],
        "DATABASE_HOST": address,
        "DATABASE_OWNER": server.username or "",
        "DATABASE_PASSWORD": server.password or "",
    }


@contextmanager
def _running(arguments: Sequence[str], settings: Mapping[str, str], *, log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, START, *arguments],
            env=settings,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # children of Airflow ignore SIGTERM
        process.wait()


def _worker(number: int, settings: Mapping[str, str], folder: Path) -> AbstractContextManager[psutil.Process]:
    name = f"worker{number}"
    one_task = ("--concurrency", "1", "--skip-serve-logs")
    identity = ("--celery-hostname", f"{name}@%h", "--pid", str(folder / f"{name}.pid"))
    return _running(["airflow-worker", *one_task, *identity], settings, log=folder / f"{name}.log")


@contextmanager
def _client(settings: Mapping[str, str]) -> Iterator[httpx.Client]:
    address = f"http://127.0.0.1:{settings['AIRFLOW_PORT']}"
    with httpx.Client(base_url=address, timeout=30) as client:
        _until(lambda: client.get("/api/v2/version").is_success)
        login = client.post("/auth/token", json={"username": "airflow", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.raise_for_status().json()['access_token']}"
        _until(lambda: client.get(DAG).is_success)
        yield client


def _run_tasks(client: httpx.Client, workers: Sequence[psutil.Process], *, name: str) -> dict[str, float]:
    """Run the tasks once, and measure their durations and CPU seconds."""
    before = sum(map(cpu_seconds, workers))
    client.post(RUNS, json={"dag_run_id": name, "logical_date": None}).raise_for_status()
    _until(lambda: client.get(f"{RUNS}/{name}").json()["state"] in {"success", "failed"})
    if client.get(f"{RUNS}/{name}").json()["state"] == "failed":
        sys.exit("A task failed.")
    cpu = sum(map(cpu_seconds, workers)) - before
    tasks = client.get(f"{RUNS}/{name}/taskInstances").raise_for_status().json()["task_instances"]
    starts, ends = (_times(tasks, name) for name in ("start_date", "end_date"))
    each = sum((end - start).total_seconds() for start, end in zip(starts, ends, strict=True)) / TASKS
    return {
        "s for all tasks": round((max(ends) - min(starts)).total_seconds(), 1),
        "s per task, start to end": round(each, 1),
        "CPU s per task": round(cpu / TASKS, 1),
    }


def _times(tasks: Sequence[Mapping[str, str]], name: str) -> list[datetime]:
    return [datetime.fromisoformat(task[name]) for task in tasks]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not _holds(condition):
        if time.monotonic() > deadline:
            sys.exit(f"not within {TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.5)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
