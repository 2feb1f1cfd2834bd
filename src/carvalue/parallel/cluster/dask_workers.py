"""Run tasks on the workers of a Dask cluster, which see the same files under the same paths."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import dask
from distributed import Client, as_completed

from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK
from carvalue.parallel.cluster.errors import ClusterUnavailable, FolderNotShared
from carvalue.parallel.cluster.run_cluster import RunCluster
from carvalue.parallel.workers import Item, Result, ignore_result, log_progress

logger = logging.getLogger(__name__)

FILE = "file://"
CONNECT_S = 20
START_S = 600  # of a cluster that a run starts: its machines may have to start first
RETRIES = 2  # of a task that fails, such as for a file system that does not answer
PART_ROWS = 1_000_000  # of a table: a task that sorts so many rows needs about 1 GB
TASKS_PER_THREAD = 4  # so that a slow task does not leave the other threads idle for long


@dataclass(frozen=True, kw_only=True)
class DaskWorkers:
    """Runs tasks on a cluster. When a worker is lost, only the tasks that it had are run again.

    Attributes:
        client: Connection to the scheduler.
        concurrency: The number of tasks that run at the same time: one for each thread of a worker.
        rows: The number of rows of the table.
    """

    client: Client
    concurrency: int
    rows: int = 0

    @property
    def partitions(self) -> int:
        """The number of parts and buckets: several for each thread, and at most `PART_ROWS` rows in each."""
        return max(TASKS_PER_THREAD * self.concurrency, ceil(self.rows / PART_ROWS))

    def for_rows(self, rows: int) -> "DaskWorkers":
        """Use more partitions for a large table.

        Args:
            rows: The number of rows of the table.

        Returns:
            The same workers.
        """
        return replace(self, rows=rows)

    def map(
        self,
        function: Callable[..., Result],
        items: Sequence[Item],
        *,
        description: str | None,
        shared: Mapping[str, Any] | None = None,
        on_result: Callable[[Item, Result], None] = ignore_result,
    ) -> list[Result]:
        """Call a function with each item, on any worker.

        Args:
            function: The function.
            items: What to call it with.
            description: What the tasks do, for log lines; None for tasks that are too short to be logged.
            shared: Large values that each call gets as keywords; they are sent to each worker once.
            on_result: Called here with each item and its result, as soon as it is known.

        Returns:
            The results, in the order of the items.

        Raises:
            AppError: A task raised it; the other tasks are cancelled.
        """
        sent = {name: send_value(self.client, value) for name, value in (shared or {}).items()}
        futures = self.client.map(
            partial(_attempt, function),
            items,
            key=f"{description or 'task'}-{uuid4().hex}",
            pure=False,
            retries=RETRIES,
            **sent,
        )
        item_of = {future.key: item for future, item in zip(futures, items, strict=True)}
        results: dict[object, Result] = {}
        try:
            for future in as_completed(futures):
                results[future.key] = _expected(future.result())
                on_result(item_of[future.key], results[future.key])
                if description:
                    log_progress(description, done=len(results), of=len(futures))
            return [results[future.key] for future in futures]
        finally:
            self.client.cancel(futures)


def send_value(client: Client, value: object) -> Any:
    """Send a value to a cluster as the result of a task, which runs again if its holders are lost.

    Values that are scattered are in the memory of workers only, and lost with them.

    Args:
        client: Connection to the scheduler.
        value: The value, which can be pickled.

    Returns:
        The future of the value, an argument for tasks.
    """
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
        return client.submit(_same, value, key=f"shared-{uuid4().hex}", pure=False, retries=RETRIES)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect, wait for a worker, and close the connection after the block."""
    patience_s = START_S if address.startswith(FILE) else CONNECT_S
    with _client(address) as client, client.as_current():
        try:
            client.wait_for_workers(1, timeout=patience_s)
        except TimeoutError as error:
            raise ClusterUnavailable(f"The Dask scheduler at {address} has no worker.") from error
        facts = {"threads": sum(client.nthreads().values()), "dashboard": client.dashboard_link}
        logger.info("connected to the cluster", extra={"address": address} | facts)
        yield client


def _client(address: str) -> Client:
    if address.startswith(FILE):
        return RunCluster(folder=Path(unquote(urlsplit(address).path))).connect(timeout_s=START_S)
    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterUnavailable(f"No Dask scheduler answers at {address}.") from error


@contextmanager
def connect_workers(address: str, *, shared: Path | None) -> Iterator[DaskWorkers]:
    """Connect to a Dask scheduler, and wait until it has a worker.

    Args:
        address: For example tcp://scheduler:8786, or file:// and the folder of a `RunCluster`.
        shared: A folder that all workers must see; None if the tasks need none.

    Yields:
        The workers.

    Raises:
        ClusterUnavailable: The scheduler does not answer within `CONNECT_S` seconds, or has no worker then;
            for a `RunCluster` within `START_S` seconds.
        FolderNotShared: A worker does not see the folder.
    """
    with _connected(address) as client:
        if shared is not None:
            _check_shared(client, shared)
        yield DaskWorkers(client=client, concurrency=sum(client.nthreads().values()))


def _same(value: object) -> object:
    return value


def _attempt(function: Callable[..., Result], item: object, **shared: object) -> Result | AppError:
    """Return an expected error, so that it is not tried again."""
    try:
        return function(item, **shared)
    except AppError as error:
        return error


def _expected(result: Result | AppError) -> Result:
    if isinstance(result, AppError):
        raise result
    return result


def _check_shared(client: Client, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f"shared{TEMPORARY_MARK}{uuid4().hex}"
    probe.touch()
    try:
        seen = client.run(_is_file, str(probe))
    finally:
        probe.unlink()
    if missing := [worker for worker, sees in seen.items() if not sees]:
        raise FolderNotShared(f"The worker {missing[0]} does not see {folder}.")


def _is_file(path: str) -> bool:
    return Path(path).is_file()
