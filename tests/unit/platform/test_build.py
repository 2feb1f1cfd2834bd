"""A build resumes an earlier build with the same settings and starts anew with other settings."""

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carvalue.platform.airflow import wait
from carvalue.platform.airflow.client import DagRun, TaskRun
from carvalue.platform.airflow.wait import RunFailed
from carvalue.platform.build import build_key, build_platform, run_pipelines
from carvalue.settings import InvalidSetting, Settings


@dataclass
class FakeAirflow:
    """Airflow whose runs end when their state is read, successfully by default."""

    runs: list[DagRun] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)

    def latest_run(self, dag: str) -> DagRun | None:
        return next((run for run in reversed(self.runs) if run.dag_id == dag), None)

    def trigger(self, dag: str, run: str) -> DagRun:
        return self._add(dag, run, "queued")

    def retry(self, run: DagRun) -> DagRun:
        self.again.append(run.dag_id)
        return self._put(replace(run, state="queued"))

    def run(self, dag: str, run: str) -> DagRun:
        found = next(item for item in self.runs if (item.dag_id, item.run_id) == (dag, run))
        if found.is_over:
            return found
        return self._put(replace(found, state=self.outcomes.get(dag, "success")))

    def triggered_runs(self, run: DagRun) -> tuple[DagRun, ...]:
        name = f"asset-{run.run_id}"
        there = tuple(item for item in self.runs if item.run_id == name)
        return there or (self._add("initial_model_dag", name, "queued"),)

    def tasks(self, run: DagRun) -> tuple[TaskRun, ...]:
        return (TaskRun(name="only", state=run.state, tries=1, seconds=1.0),)

    def log(self, run: DagRun, task: TaskRun) -> tuple[str, ...]:
        return ("error only failed: no rows",)

    def triggered(self) -> list[str]:
        return [run.run_id for run in self.runs if run.dag_id == "creates_datasets_dag"]

    def age(self) -> None:
        """Let time pass: ids of runs with the same settings differ by the second of the request."""
        self.runs = [replace(run, run_id=f"{run.run_id}-earlier") for run in self.runs]

    def _add(self, dag: str, run: str, state: str) -> DagRun:
        made = DagRun(dag_id=dag, run_id=run, state=state, started_at=datetime.now(UTC))
        self.runs.append(made)
        return made

    def _put(self, run: DagRun) -> DagRun:
        at = next(
            i for i, item in enumerate(self.runs) if (item.dag_id, item.run_id) == (run.dag_id, run.run_id)
        )
        self.runs[at] = run
        return run


class Quiet:
    """Progress that nobody reads."""

    def report(self, line: str) -> None:
        """Show nothing."""

    def update(self, activity: str) -> None:
        """Show nothing."""


@pytest.fixture
def airflow() -> FakeAirflow:
    return FakeAirflow()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "POLL_S", 0.0)


def make(airflow: FakeAirflow, *, again: bool = False, **settings: object) -> bool:
    chosen = Settings.model_validate(settings)
    return run_pipelines(airflow, chosen, progress=Quiet(), again=again)  # type: ignore[arg-type]


def test_the_first_build_runs_both(airflow: FakeAirflow) -> None:
    assert not make(airflow)

    assert [run.state for run in airflow.runs] == ["success", "success"]


def test_the_second_build_finds_everything_there(airflow: FakeAirflow) -> None:
    make(airflow)

    assert make(airflow)

    assert len(airflow.triggered()) == 1


def test_changed_settings_start_a_new_build(airflow: FakeAirflow) -> None:
    make(airflow)

    assert not make(airflow, sample_seed=7)
    assert len(airflow.triggered()) == 2

    airflow.age()
    assert not make(airflow)
    assert len(airflow.triggered()) == 3


def test_the_option_again_repeats_a_build(airflow: FakeAirflow) -> None:
    make(airflow)
    airflow.age()

    assert not make(airflow, again=True)

    assert len(airflow.triggered()) == 2


@pytest.mark.parametrize("dag", ["creates_datasets_dag", "initial_model_dag"])
def test_a_failed_build_continues_at_the_failed_task(airflow: FakeAirflow, dag: str) -> None:
    airflow.outcomes[dag] = "failed"
    with pytest.raises(RunFailed, match="only failed: no rows") as caught:
        make(airflow)
    assert f"dag_id={dag}" in str(caught.value)
    airflow.outcomes.clear()

    assert not make(airflow)

    assert airflow.again == [dag]
    assert len(airflow.triggered()) == 1


def test_a_changed_file_starts_a_new_build(tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    file.write_text("id\n1\n")
    before = build_key(Settings(data_source=str(file)))

    os.utime(file, (1, 1))

    assert build_key(Settings(data_source=str(file))) != before


@pytest.mark.parametrize(("name", "file"), [("data_source", "moved.csv"), ("dataset", "moved.toml")])
def test_a_build_whose_file_was_moved_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    (tmp_path / "cars.csv").touch()
    monkeypatch.setattr("carvalue.platform.lifecycle.start_platform", pytest.fail)
    files = {"data_source": str(tmp_path / "cars.csv"), name: str(tmp_path / file)}

    with pytest.raises(InvalidSetting, match=f"{name.upper()} is .*{file}"):
        build_platform(Settings(state_dir=tmp_path, **files), progress=NullProgress())


class NullProgress:
    def update(self, text: str) -> None: ...

    def report(self, text: str) -> None: ...
