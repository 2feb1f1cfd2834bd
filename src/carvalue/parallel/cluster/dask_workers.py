"""Run tasks on the workers of a Dask cluster, which see the same files under the same paths."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, as_completed

from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK
from carvalue.parallel.workers import Item, Result, ignore_result, log_progress

CONNECT_S = 20
RETRIES = 2  # of a task that fails, such as for a file system that does not answer
TASKS_PER_THREAD = 4  # so that a slow task does not leave the other threads idle for long


class ClusterUnavailable(AppError):
    """The Dask cluster cannot be reached or has no worker."""

    status, hint = (
        502,
        "Start `dask scheduler` and `dask worker`, or name no cluster (TRAINING_CLUSTER, --on).",
    )


class FolderNotShared(AppError):
    """A worker of the cluster does not see the files of this machine."""

    status, hint = 500, "Mount this folder under the same path on every machine of the cluster."


@dataclass(frozen=True, kw_only=True)
class DaskWorkers:
    """Runs tasks on a cluster. When a worker is lost, only the tasks that it had are run again.

    Attributes:
        client: Connection to the scheduler.
        partitions: The number of parts and buckets.
    """

    client: Client
    partitions: int

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
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterUnavailable(f"No Dask scheduler answers at {address}.") from error
    with client, client.as_current():
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise ClusterUnavailable(f"The Dask scheduler at {address} has no worker.") from error
        yield client


@contextmanager
def connect_workers(address: str, *, shared: Path | None) -> Iterator[DaskWorkers]:
    """Connect to a Dask scheduler, and wait until it has a worker.

    Args:
        address: For example tcp://scheduler:8786.
        shared: A folder that all workers must see; None if the tasks need none.

    Yields:
        The workers; each thread gets several tasks.

    Raises:
        ClusterUnavailable: The scheduler does not answer within `CONNECT_S` seconds, or has no worker then.
        FolderNotShared: A worker does not see the folder.
    """
    with _connected(address) as client:
        if shared is not None:
            _check_shared(client, shared)
        threads = sum(client.nthreads().values())
        yield DaskWorkers(client=client, partitions=TASKS_PER_THREAD * threads)


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
