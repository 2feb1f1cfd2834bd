"""Errors of clusters."""

from carvalue.errors import AppError


class ClusterUnavailable(AppError):
    """The Dask cluster cannot be reached or has no worker."""

    status, hint = (
        502,
        "Start `dask scheduler` and `dask worker`, or name no cluster (TRAINING_CLUSTER, --on). With "
        "TRAINING_WORKERS Airflow starts them in the task `cluster`: look at its logs.",
    )


class FolderNotShared(AppError):
    """A worker of the cluster does not see the files of this machine."""

    status, hint = 500, "Mount this folder under the same path on every machine of the cluster."
