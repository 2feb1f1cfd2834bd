"""The number of partitions follows the rows of a table and the threads of a cluster."""

from typing import cast

import pytest
from distributed import Client

from carvalue.parallel import InProcess
from carvalue.parallel.cluster.dask_workers import DaskWorkers


@pytest.mark.parametrize(("rows", "partitions"), [(0, 8), (366_653, 8), (8_000_000, 8), (40_000_001, 41)])
def test_a_large_table_has_more_partitions(rows: int, partitions: int) -> None:
    workers = DaskWorkers(client=cast("Client", None), concurrency=2)

    assert workers.for_rows(rows).partitions == partitions


def test_one_process_keeps_its_partitions() -> None:
    assert InProcess(partitions=3).for_rows(40_000_000).partitions == 3
