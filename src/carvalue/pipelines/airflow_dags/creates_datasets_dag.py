"""From raw listings to datasets, as an Airflow DAG."""

from carvalue.pipelines.airflow import as_dag
from carvalue.pipelines.definitions import CREATES_DATASETS

dag = as_dag(CREATES_DATASETS)
