"""Airflow reads the DAG files as it does in production, and runs the steps as tasks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carvalue.platform.airflow.config import DAGS_FOLDER

ROOT = Path(__file__).parents[2]

LEARNING = ["tune", "train", "evaluate", "refit", "register", "judge", "approve_promote", "promote"]

# One process, because the start of Airflow takes longer than its work. It reads its own configuration once,
# at import; ours is read with each file.
PARSE = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

def neighbours(dag):
    if not dag.has_task("start_cluster"):
        return {}
    return {
        "before": sorted(dag.get_task("start_cluster").downstream_task_ids - {"cluster", "stop_cluster"}),
        "after": sorted(dag.get_task("stop_cluster").upstream_task_ids - {"start_cluster"}),
        "restarts after s": dag.get_task("cluster").retry_delay.total_seconds(),
    }

def parsed(environment):
    os.environ.update(environment)
    bag = DagBag()
    for name in environment:
        del os.environ[name]
    return {
        "errors": bag.import_errors,
        "loaded": sorted({name.split(".")[0] for name in sys.modules}),
        "dags": {
            dag.dag_id: {
                "tasks": [task.task_id for task in dag.topological_sort()],
                "documented": bool(dag.doc_md) and all(task.doc_md for task in dag.tasks),
                "schedule": type(dag.timetable).__name__,
                "retries": {task.task_id: task.retries for task in dag.tasks},
                "cluster": neighbours(dag),
            }
            for dag in bag.dags.values()
        },
    }

initdb()
print(json.dumps({name: parsed(environment) for name, environment in json.loads(sys.argv[1]).items()}))
"""
PARSED = {
    "defaults": {},
    "weekly": {"RETRAIN_SCHEDULE": "0 3 * * 1"},
    "automatic": {"FIRST_MODEL": "automatic"},
    "cluster": {"TRAINING_WORKERS": "2", "PARALLEL_TASKS": "4", "BIND_HOST": "127.0.0.1"},
}
"""The settings with which the DAG files are read."""

RUN = """
from airflow.dag_processing.dagbag import DagBag

run = DagBag().dags["creates_datasets_dag"].test()
print("outcome", run.state)
"""


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def parsed(airflow_home: Path) -> dict[str, Any]:
    """What Airflow reads with each of the settings."""
    found: dict[str, Any] = json.loads(airflow(PARSE, airflow_home, json.dumps(PARSED)).splitlines()[-1])
    return found


def airflow(code: str, home: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ
        | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "STATE_DIR": str(home / "var"),
        }
        | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def test_all_dags_are_read_without_errors_and_no_file_is_left_over(parsed: dict[str, Any]) -> None:
    found = parsed["defaults"]

    assert not found["errors"]
    assert {name: dag["tasks"] for name, dag in found["dags"].items()} == {
        "creates_datasets_dag": ["download", "clean", "split", "publish", "publish_reference"],
        "initial_model_dag": LEARNING,
        "retrain_model_dag": [
            *("download", "clean", "adjust_prices", "join_sales", "split", "skip_if_unchanged"),
            *("publish", "publish_reference"),
            *LEARNING,
        ],
    }
    assert sorted(path.stem for path in DAGS_FOLDER.glob("[!_]*.py")) == sorted(found["dags"])
    assert all(dag["documented"] for dag in found["dags"].values())
    assert found["dags"]["initial_model_dag"]["schedule"] == "AssetTriggeredTimetable"
    assert found["dags"]["retrain_model_dag"]["schedule"] == "NullTimetable"
    assert found["dags"]["creates_datasets_dag"]["retries"]["download"] == 2


def test_parsing_the_dag_files_loads_no_heavy_library(parsed: dict[str, Any]) -> None:
    loaded = {name for found in parsed.values() for name in found["loaded"]}

    assert "airflow" in loaded
    assert not {"polars", "xgboost", "mlflow", "matplotlib", "optuna", "kagglehub"} & loaded


def test_a_retraining_is_scheduled_by_a_setting(parsed: dict[str, Any]) -> None:
    assert parsed["weekly"]["dags"]["retrain_model_dag"]["schedule"] == "CronTriggerTimetable"


def test_airflow_starts_the_first_training_by_a_setting(parsed: dict[str, Any]) -> None:
    assert parsed["automatic"]["dags"]["creates_datasets_dag"]["schedule"] == "OnceTimetable"


def test_a_run_starts_its_own_cluster_by_a_setting(parsed: dict[str, Any]) -> None:
    found = parsed["cluster"]

    assert not found["errors"]
    assert {dag["cluster"].pop("restarts after s") for dag in found["dags"].values()} == {5}
    assert {name: dag["cluster"] for name, dag in found["dags"].items()} == {
        "creates_datasets_dag": {"before": ["download"], "after": ["publish_reference"]},
        "initial_model_dag": {"before": ["tune"], "after": ["refit"]},
        "retrain_model_dag": {"before": ["download"], "after": ["refit"]},
    }
    assert all(dag["documented"] for dag in found["dags"].values())


@pytest.mark.usefixtures("parsed")  # makes Airflow's tables
def test_the_steps_run_as_tasks(airflow_home: Path) -> None:
    output = airflow(RUN, airflow_home, DATA_SOURCE="sample", SAMPLE_ROWS="2000")

    assert "outcome success" in output
    assert (airflow_home / "var" / "storage" / "datasets" / "current").exists()


@pytest.mark.usefixtures("parsed")
def test_invalid_input_fails_without_retries_in_one_line(airflow_home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "vehicles.csv"
    bad.write_text("id,price\n1,2\n")

    output = airflow(RUN, airflow_home, DATA_SOURCE=str(bad))

    assert "outcome failed" in output
    assert output.count("download failed: ") == 1
    assert "AirflowFailException" in output
