"""Configure Airflow and talk to its REST API."""

from carvalue.platform.airflow.client import AirflowClient, DagRun
from carvalue.platform.airflow.config import airflow_environment, passwords_file, write_passwords
from carvalue.platform.airflow.retrain import run_retraining
from carvalue.platform.airflow.wait import ProgressReporter, wait_for_dags, wait_for_next, wait_for_run

__all__ = [
    "AirflowClient",
    "DagRun",
    "ProgressReporter",
    "airflow_environment",
    "passwords_file",
    "run_retraining",
    "wait_for_dags",
    "wait_for_next",
    "wait_for_run",
    "write_passwords",
]
