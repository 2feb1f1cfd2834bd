"""The pipelines: their steps in order, run by Airflow or in this process."""

from carvalue.pipelines.cluster import DaskMissing
from carvalue.pipelines.definitions import (
    CREATES_DATASETS,
    INITIAL_MODEL,
    PIPELINES,
    RETRAIN_MODEL,
    Pipeline,
    find,
)
from carvalue.pipelines.retraining_steps import NothingToLearn
from carvalue.pipelines.runner import THREAD_ENVIRONMENT, run_pipeline
from carvalue.pipelines.steps import VERSION_FILE, WORK, work_folder

__all__ = [
    "CREATES_DATASETS",
    "INITIAL_MODEL",
    "PIPELINES",
    "RETRAIN_MODEL",
    "THREAD_ENVIRONMENT",
    "VERSION_FILE",
    "WORK",
    "DaskMissing",
    "NothingToLearn",
    "Pipeline",
    "find",
    "run_pipeline",
    "work_folder",
]
