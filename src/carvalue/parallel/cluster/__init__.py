"""Workers on a Dask cluster; only this package and the distributed training import Dask."""

from carvalue.parallel.cluster.dask_workers import DaskWorkers, connect_workers, send_value
from carvalue.parallel.cluster.errors import ClusterUnavailable, FolderNotShared
from carvalue.parallel.cluster.run_cluster import RunCluster

__all__ = [
    "ClusterUnavailable",
    "DaskWorkers",
    "FolderNotShared",
    "RunCluster",
    "connect_workers",
    "send_value",
]
