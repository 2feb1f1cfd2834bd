"""Training backend for a Dask cluster; imported only if TRAINING_CLUSTER is set."""

from carvalue.pricing.training.distributed.dask_backend import connect_dask

__all__ = ["connect_dask"]
