"""From the newest listings and reported sales to the next version, as an Airflow DAG."""

from carvalue.pipelines.airflow import as_dag
from carvalue.pipelines.definitions import RETRAIN_MODEL
from carvalue.settings import ScheduleSettings, load_settings

dag = as_dag(RETRAIN_MODEL, schedule=load_settings(ScheduleSettings).retrain_schedule)
