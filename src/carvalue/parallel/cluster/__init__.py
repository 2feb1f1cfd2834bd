"""Workers on a Dask cluster; only this package and the distributed training import Dask."""

from carvalue.parallel.cluster.dask_workers import (
    ClusterUnavailable,
    DaskWorkers,
    FolderNotShared,
    connect_workers,
    send_value,
)

__all__ = [
    "ClusterUnavailable",
    "DaskWorkers",
    "FolderNotShared",
    "connect_workers",
    "send_value",
]
