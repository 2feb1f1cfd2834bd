"""Measure the gain of a second Celery worker: `python -m benchmarks.celery_workers POSTGRESQL REDIS`.

POSTGRESQL is the URL of a server's owner, who may make databases there, REDIS that of a broker. Needs the
extras `postgres`, `celery` and `login`. Every part starts as its container does; each worker takes one task
at a time.
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

START = Path(__file__).parents[2] / "deploy" / "containers" / "start.py"
DATABASES = ("airflow", "mlflow", "journal")
DAG, RUNS = "/api/v2/dags/spread", "/api/v2/dags/spread/dagRuns"
WORKERS, PASSWORD, PATIENCE_S = (1, 2), secrets.token_hex(), 300.0
HEAD = "| workers | s for all tasks | s a task, beginning to end | CPU s a task |"


def main() -> None:
    """Print the table."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("postgresql")
    given.add_argument("redis")
    chosen = given.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # otherwise Airflow keeps running
    print(f"{TASKS} tasks of {WORK_S:.0f} s of work each\n\n{HEAD}\n|{'---|' * 4}")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        options = _options(folder, owner=chosen.postgresql, redis=chosen.redis)
        migrate = [sys.executable, START, "migrate"]
        subprocess.run(migrate, env=options, check=True, stdout=subprocess.DEVNULL)
        for role in ("airflow-api", "airflow-scheduler", "airflow-dag-processor"):
            stack.enter_context(_running([role], options, log=folder / f"{role}.log"))
        client = stack.enter_context(_client(options))
        for count in WORKERS:
            with ExitStack() as hands:
                workers = [hands.enter_context(_worker(one, options, folder)) for one in range(count)]
                _row(client, workers, name=f"warm-{count}")
                print(f"| {count} | {_row(client, workers, name=f'run-{count}')} |", flush=True)


def _options(folder: Path, *, owner: str, redis: str) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = urlsplit(owner)
    where = f"{server.hostname}:{server.port}"
    url = {name: f"postgresql://{name}:{secrets.token_hex()}@{where}/{name}" for name in DATABASES}
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
        "DATABASE_HOST": where,
        "DATABASE_OWNER": server.username or "",
        "DATABASE_PASSWORD": server.password or "",
    }


@contextmanager
def _running(words: Sequence[str], options: Mapping[str, str], *, log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, START, *words], env=options, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # children of Airflow ignore SIGTERM
        process.wait()


def _worker(number: int, options: Mapping[str, str], folder: Path) -> AbstractContextManager[psutil.Process]:
    name = f"worker{number}"
    one_at_a_time = ("--concurrency", "1", "--skip-serve-logs")
    apart = ("--celery-hostname", f"{name}@%h", "--pid", str(folder / f"{name}.pid"))
    return _running(["airflow-worker", *one_at_a_time, *apart], options, log=folder / f"{name}.log")


@contextmanager
def _client(options: Mapping[str, str]) -> Iterator[httpx.Client]:
    address = f"http://127.0.0.1:{options['AIRFLOW_PORT']}"
    with httpx.Client(base_url=address, timeout=30) as client:
        _until(lambda: client.get("/api/v2/version").is_success)
        login = client.post("/auth/token", json={"username": "airflow", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.raise_for_status().json()['access_token']}"
        _until(lambda: client.get(DAG).is_success)
        yield client


def _row(client: httpx.Client, workers: Sequence[psutil.Process], *, name: str) -> str:
    """Run the tasks once; return total seconds, seconds of each task, and CPU seconds per task."""
    before = sum(map(_cpu_of, workers))
    client.post(RUNS, json={"dag_run_id": name, "logical_date": None}).raise_for_status()
    _until(lambda: client.get(f"{RUNS}/{name}").json()["state"] in {"success", "failed"})
    if client.get(f"{RUNS}/{name}").json()["state"] == "failed":
        sys.exit("A task failed.")
    cpu = sum(map(_cpu_of, workers)) - before
    tasks = client.get(f"{RUNS}/{name}/taskInstances").raise_for_status().json()["task_instances"]
    starts, ends = (_moments(tasks, name) for name in ("start_date", "end_date"))
    each = sum((end - start).total_seconds() for start, end in zip(starts, ends, strict=True)) / TASKS
    return f"{(max(ends) - min(starts)).total_seconds():.1f} | {each:.1f} | {cpu / TASKS:.1f}"


def _moments(tasks: Sequence[Mapping[str, str]], name: str) -> list[datetime]:
    return [datetime.fromisoformat(task[name]) for task in tasks]


def _cpu_of(process: psutil.Process) -> float:
    """Read what a worker took, with the children that ended and those that run."""
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _holds(condition):
        if time.monotonic() > deadline:
            sys.exit(f"not within {PATIENCE_S:.0f} s")
        time.sleep(0.5)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
