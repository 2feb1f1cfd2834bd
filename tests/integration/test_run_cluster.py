"""A run of a pipeline starts a cluster, works on it and stops it; runs take turns."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from distributed import Client

from carvalue.parallel.cluster import ClusterUnavailable, RunCluster, connect_workers, run_cluster


@contextmanager
def running(cluster: RunCluster, *, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    commands = [cluster.scheduler_command(), *[cluster.worker_command(threads=1)] * workers]
    with ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(command)) for command in commands]
        stack.callback(lambda: [process.kill() for process in processes])
        yield processes


def local(folder: Path) -> RunCluster:
    return RunCluster(folder=folder / "of runs", host="127.0.0.1")


def test_a_run_works_on_its_cluster_and_stops_it(tmp_path: Path) -> None:
    cluster = local(tmp_path)
    assert cluster.reserve("first")

    with running(cluster, workers=2) as processes:
        with connect_workers(cluster.folder.as_uri(), shared=tmp_path) as workers:
            assert workers.map(abs, [-1, -2, 3], description="absolute values") == [1, 2, 3]
        assert not cluster.reserve("second")

        cluster.stop()

        assert [process.wait() for process in processes] == [0, 0, 0]
    assert cluster.reserve("second")


def test_only_who_can_read_the_folder_can_connect(tmp_path: Path) -> None:
    cluster, other = local(tmp_path), local(tmp_path / "other")
    assert cluster.reserve("run")
    assert other.reserve("run")
    assert cluster.folder.stat().st_mode & 0o077 == 0
    assert (cluster.folder / run_cluster.KEY).stat().st_mode & 0o077 == 0

    with running(cluster, workers=0):
        with cluster.connect(timeout_s=60) as client:
            address = client.scheduler.address
        with pytest.raises((OSError, TimeoutError)), Client(address, security=other.security, timeout=5):
            pass
        cluster.stop()


def test_a_run_that_starts_again_gets_the_cluster_anew(tmp_path: Path) -> None:
    cluster = local(tmp_path)
    assert cluster.reserve("run")
    before = cluster.certificate.read_bytes()

    assert cluster.reserve("run")
    assert cluster.certificate.read_bytes() != before


def test_a_cluster_that_a_killed_run_left_behind_is_reserved_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = local(tmp_path)
    assert cluster.reserve("killed while its scheduler ran")
    with running(cluster, workers=0) as (scheduler,):
        cluster.connect(timeout_s=60).close()
        scheduler.kill()
        scheduler.wait()
    assert cluster.reserve("killed before its scheduler started")
    assert not cluster.reserve("next")

    long_ago = time.time() - 2 * run_cluster.STARTING_S
    os.utime(cluster.folder, (long_ago, long_ago))

    assert cluster.reserve("next")


def test_a_scheduler_that_has_not_started_is_named(tmp_path: Path) -> None:
    cluster = local(tmp_path)
    assert cluster.reserve("run")

    with pytest.raises(ClusterUnavailable, match=str(cluster.folder)):
        cluster.connect(timeout_s=0)
