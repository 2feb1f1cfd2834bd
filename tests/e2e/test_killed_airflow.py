"""A retraining succeeds although Airflow is killed at each of its steps."""

from collections.abc import Iterator

import pytest

from carvalue.pipelines.definitions import RETRAIN_MODEL
from carvalue.platform import lifecycle
from carvalue.platform.airflow.client import AirflowClient, DagRun
from carvalue.platform.health import local_client
from carvalue.platform.processes.orphans import find_orphans
from carvalue.settings import Settings
from platforms import carvalue, platform_settings
from waiting import until

pytestmark = [pytest.mark.platform, pytest.mark.faults]

RUN = "killed-at-each-step"
STEP_S = 400.0  # a task that was killed is missed after a minute, and tried again
OTHER_SEED = 2022


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A platform with a model in production, whose source has other listings since."""
    state_dir = tmp_path_factory.mktemp("platform") / "var"
    settings = platform_settings(state_dir, data_source="sample", sample_rows=6_000)
    try:
        for given, word in ((settings, "build"), (_with_news(settings), "up")):
            done = carvalue(given, word)
            assert done.returncode == 0, done.stdout + done.stderr
        yield settings
    finally:
        lifecycle.stop_platform(settings)


def _with_news(settings: Settings) -> Settings:
    return settings.model_copy(update={"sample_seed": OTHER_SEED})


def test_a_retraining_succeeds_although_airflow_is_killed_at_each_step(settings: Settings) -> None:
    with AirflowClient(settings) as airflow:
        run = airflow.trigger(RETRAIN_MODEL.name, RUN)
        for step in RETRAIN_MODEL.steps:
            until(lambda step=step: _state(airflow, run, step.name) == "running", within_s=STEP_S)  # type: ignore[misc]
            for process in find_orphans(state_dir=settings.state_dir, service="airflow-scheduler"):
                process.kill()  # the scheduler and its tasks at once
            until(lambda step=step: _state(airflow, run, step.name) == "success", within_s=STEP_S)  # type: ignore[misc]
        until(lambda: airflow.run(run.dag_id, run.run_id).is_over, within_s=STEP_S)

        assert airflow.run(run.dag_id, run.run_id).state == "success"
    assert _stages(settings).count("Production") == 1


def _state(airflow: AirflowClient, run: DagRun, step: str) -> str | None:
    return next((task.state for task in airflow.tasks(run) if task.name == step), None)


def _stages(settings: Settings) -> list[str]:
    url, query = "/api/2.0/mlflow/model-versions/search", {"filter": "name='vehicles-price-model'"}
    with local_client(settings.mlflow_port) as mlflow:
        found = mlflow.get(url, params=query).raise_for_status().json()["model_versions"]
    return [item["current_stage"] for item in found]
