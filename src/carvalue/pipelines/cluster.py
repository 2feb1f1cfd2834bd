"""Where the tasks of a step run: in the step's process, or on the Dask cluster that the settings name."""

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from carvalue.errors import AppError
from carvalue.settings import PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from carvalue.parallel import Workers
    from carvalue.pricing.training import TrainingBackend


class DaskMissing(AppError):
    """A cluster is configured, but Dask is not installed."""

    status, hint = (
        500,
        "Install Dask with `uv sync --extra platform --extra dask`, or name no cluster.",
    )


def open_workers(settings: PipelineSettings) -> "AbstractContextManager[Workers]":
    """Open the workers that prepare listings.

    Args:
        settings: The settings of the program.

    Returns:
        A context manager of this process, or of the workers of the cluster, which must see STATE_DIR.

    Raises:
        DaskMissing: A cluster is configured, but the extra `dask` is not installed.
    """
    if not settings.training_cluster:
        from carvalue.parallel import IN_PROCESS

        return nullcontext(IN_PROCESS)
    with needs_dask("TRAINING_CLUSTER"):
        from carvalue.parallel.cluster import connect_workers
    return connect_workers(settings.training_cluster, shared=settings.storage_root)


def open_training_backend(settings: PipelineSettings) -> "AbstractContextManager[TrainingBackend]":
    """Open the backend that fits the model.

    Args:
        settings: The settings of the program.

    Returns:
        A context manager of this process, or of the cluster, whose workers must see STATE_DIR.

    Raises:
        DaskMissing: A cluster is configured, but the extra `dask` is not installed.
    """
    if not settings.training_cluster:
        from carvalue.pricing.training import LocalBackend

        return nullcontext(LocalBackend())
    with needs_dask("TRAINING_CLUSTER"):
        from carvalue.pricing.training.distributed import connect_dask
    return connect_dask(settings.training_cluster, shared=settings.storage_root)


@contextmanager
def needs_dask(setting: str) -> "Iterator[None]":
    """Report a failed import of the block as `DaskMissing`.

    Args:
        setting: The setting that makes it necessary, for the message.

    Yields:
        Nothing.

    Raises:
        DaskMissing: The extra `dask` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise DaskMissing(f"{setting} is set, but {error.name} is not installed.") from error
