"""A DAG of independent tasks, each with some seconds of CPU work."""

import time

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

TASKS, WORK_S = 6, 2.0


def work() -> None:
    """Compute until the process has used this much CPU time."""
    until = time.process_time() + WORK_S
    while time.process_time() < until:
        sum(range(10_000))


with DAG(dag_id="spread", schedule=None, catchup=False):
    for number in range(TASKS):
        PythonOperator(task_id=f"work_{number}", python_callable=work)
