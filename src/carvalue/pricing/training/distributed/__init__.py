"""Grow trees on a Dask cluster; imported only when a cluster is set."""

from carvalue.pricing.training.distributed.dask_backend import connect_dask

__all__ = ["connect_dask"]
