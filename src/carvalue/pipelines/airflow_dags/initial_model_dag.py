"""From datasets to a model in production, as an Airflow DAG."""

from carvalue.pipelines.airflow import as_dag
from carvalue.pipelines.definitions import INITIAL_MODEL

dag = as_dag(INITIAL_MODEL)
