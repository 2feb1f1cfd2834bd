"""Tasks that start and stop a Dask cluster for one run of a DAG; Airflow's executor is where they run."""

import os
import shlex
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import BaseOperator, BaseSensorOperator, Param, PokeReturnValue

from carvalue.pipelines.cluster import needs_dask
from carvalue.pipelines.definitions import shown_doc
from carvalue.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from carvalue.parallel.cluster import RunCluster

WORKERS = "workers"
"""Parameter of a run: how many workers it starts."""
RETRIES = 5  # of a scheduler or worker that is killed
RETRY_DELAY = timedelta(seconds=5)
POKE_S = 30
SKIP = "exit 99"  # Airflow marks the task as skipped


@dataclass(frozen=True, kw_only=True)
class ClusterTasks:
    """The tasks around the steps that use the cluster.

    Attributes:
        start: Reserves the cluster; the steps come after it.
        stop: Stops the cluster, whether the steps before it succeed or fail.
    """

    start: BaseOperator
    stop: BaseOperator


def workers_parameter(settings: Settings) -> Param:
    """Describe the number of workers of a run, which people can change where they start one.

    Args:
        settings: The default number.

    Returns:
        The parameter.
    """
    return Param(settings.training_workers, type="integer", minimum=1, description="Dask workers of this run")


def cluster_folder(settings: Settings) -> Path:
    """Return the folder through which the processes of a cluster find each other.

    Args:
        settings: The folder that all machines share.

    Returns:
        The path; the folder may not exist.
    """
    return settings.storage_root / "cluster"


def cluster_tasks() -> ClusterTasks:
    """Add the tasks of a cluster to the DAG of the context.

    Returns:
        The tasks that come before and after the steps that use the cluster.
    """
    start = ReserveCluster(
        task_id="start_cluster",
        run="{{ dag.dag_id }} {{ run_id }}",
        workers=f"{{{{ params.{WORKERS} }}}}",
        mode="reschedule",  # a run that waits for another one's cluster does not occupy a slot
        poke_interval=POKE_S,
        doc_md=shown_doc(ReserveCluster.__doc__),
    ).as_setup()  # type: ignore[no-untyped-call]
    BashOperator.partial(
        task_id="cluster",
        map_index_template="{{ 'scheduler' if ti.map_index == 0 else 'worker ' ~ ti.map_index }}",
        retries=RETRIES,
        retry_delay=RETRY_DELAY,
        doc_md="Run the scheduler, and beside it the workers, until `stop_cluster`.",
    ).expand(bash_command=start.output)
    stop = PythonOperator(
        task_id="stop_cluster",
        python_callable=stop_cluster,
        doc_md=shown_doc(stop_cluster.__doc__),
    ).as_teardown(setups=start)
    return ClusterTasks(start=start, stop=stop)


class ReserveCluster(BaseSensorOperator):
    """Reserve the cluster for this run, or wait until another run has stopped it."""

    template_fields = ("run", "workers")

    def __init__(self, *, run: str, workers: str, **task: Any) -> None:
        """Set what the task reserves.

        Args:
            run: The name of the run.
            workers: The number of workers.
            task: Airflow's parameters of a sensor.
        """
        super().__init__(**task)
        self.run = run
        self.workers = workers

    def poke(self, context: "Context") -> PokeReturnValue:  # noqa: ARG002 - the name that Airflow passes
        """Reserve the cluster if no other run has it.

        Args:
            context: Of the task; unused.

        Returns:
            Whether the cluster is reserved, and the shell commands of the scheduler and of each worker.
        """
        settings = load_settings()
        cluster, count = _cluster(settings), int(self.workers)
        if not cluster.reserve(self.run):
            return PokeReturnValue(is_done=False)
        threads = (
            max(1, (os.cpu_count() or 1) // count) if cluster.host else 0
        )  # on one machine they share its cores
        commands = [cluster.scheduler_command(), *[cluster.worker_command(threads=threads)] * count]
        return PokeReturnValue(
            is_done=True, xcom_value=[_while_reserved(cluster.certificate, command) for command in commands]
        )


def stop_cluster() -> None:
    """Stop the scheduler and the workers of this run."""
    _cluster(load_settings()).stop()


def _cluster(settings: Settings) -> "RunCluster":
    with needs_dask("TRAINING_WORKERS"):
        from carvalue.parallel.cluster import RunCluster
    host = settings.bind_host if settings.is_loopback else ""
    return RunCluster(folder=cluster_folder(settings), host=host)


def _while_reserved(certificate: Path, command: "Sequence[str]") -> str:
    """Return a shell command that is skipped where the run has stopped its cluster before the task starts."""
    return f"test -f {shlex.quote(str(certificate))} || {SKIP}; exec {shlex.join(command)}"
