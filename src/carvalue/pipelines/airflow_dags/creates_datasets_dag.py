"""From raw listings to datasets, as an Airflow DAG."""

from carvalue.pipelines.airflow import as_dag
from carvalue.pipelines.definitions import CREATES_DATASETS
from carvalue.settings import ScheduleSettings, load_settings

is_automatic = load_settings(ScheduleSettings).first_model == "automatic"
dag = as_dag(CREATES_DATASETS, schedule="@once" if is_automatic else "")
