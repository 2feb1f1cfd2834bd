"""Runs in MLflow: one parent run per training, a nested run per trial, found again by the next step."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException

from carvalue.errors import AppError
from carvalue.pricing.training import SearchResult, Trial
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.model_version import DATA_SOURCE_TAG, EXPERIMENT

DIGEST_CHARACTERS = 36  # the most that MLflow keeps of a dataset's digest


class RunMissing(AppError):
    """The training run that an earlier step began cannot be found."""

    status = 409
    hint = "Begin again at the step `tune`: `carvalue run initial_model_dag`."


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """What a training run says of itself from the start."""

    budget: str
    data_source: str
    source_description: str
    dataset_fingerprint: str
    git_commit: str
    rows: Mapping[str, int]


@dataclass(frozen=True)
class TrainingRun:
    """The parent run of one training."""

    uri: str
    run_id: str
    experiment_id: str

    def log_trial(self, trial: Trial) -> None:
        """Keep one trial as a nested run: parameters, the error of each round, how it ended."""
        with connect_mlflow(self.uri) as client:
            tags = {"mlflow.parentRunId": self.run_id, "mlflow.runName": f"trial {trial.number}"}
            run_id = client.create_run(self.experiment_id, tags=tags).info.run_id
            curve = [
                Metric("validation_error", error, _now(), step) for step, error in enumerate(trial.curve)
            ]
            totals = {"error": trial.error, "rounds": float(trial.rounds), "seconds": trial.seconds}
            client.log_batch(run_id, metrics=curve[:900] + _metrics(totals), params=_params(trial.params))
            client.set_terminated(run_id, status="KILLED" if trial.pruned else "FINISHED")

    def log_tuned(self, tuned: SearchResult) -> None:
        """Keep the parameters that won on the parent run."""
        found = {"search_error": tuned.error, "search_trials": float(tuned.trials), "search_s": tuned.seconds}
        with connect_mlflow(self.uri) as client:
            client.log_batch(self.run_id, metrics=_metrics(found), params=_params(tuned.params))

    def finish(self) -> None:
        """Close the run as one that came to its end."""
        self._end("FINISHED")

    @contextmanager
    def failed_if_it_breaks_off(self) -> Iterator[None]:
        """Close the run as failed where the work inside breaks off; what resumes it may still finish it."""
        try:
            yield
        except BaseException:
            self._end("FAILED")
            raise

    def _end(self, status: Literal["FINISHED", "FAILED"]) -> None:
        with connect_mlflow(self.uri) as client:
            client.set_terminated(self.run_id, status=status)


def start_run(*, uri: str, facts: RunDescription, state: Path) -> TrainingRun:
    """Open the parent run of a training, and write into `state` where the next step finds it.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        experiment_id = _experiment(client)
        tags = {
            DATA_SOURCE_TAG: facts.data_source,
            "data.description": facts.source_description,
            "data.fingerprint": facts.dataset_fingerprint,
            "mlflow.source.git.commit": facts.git_commit,
            "mlflow.runName": f"training on {facts.data_source}",
        }
        run_id = client.create_run(experiment_id, tags=tags).info.run_id
        client.log_batch(run_id, params=[Param("budget", facts.budget)], metrics=_row_counts(facts))
        client.log_inputs(run_id, datasets=[_dataset(facts)])
    run = TrainingRun(uri=uri, run_id=run_id, experiment_id=experiment_id)
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({"run_id": run_id, "experiment_id": experiment_id}))
    return run


def resume_run(*, uri: str, state: Path) -> TrainingRun:
    """Find the parent run that `start_run` opened.

    Raises:
        RunMissing: there is no such file, or MLflow does not know the run.
        RegistryUnavailable: MLflow does not answer.
    """
    try:
        ids = json.loads(state.read_text())
        with connect_mlflow(uri) as client:
            client.get_run(ids["run_id"])
    except (OSError, ValueError, KeyError, MlflowException) as error:
        raise RunMissing(f"{state} names no run that MLflow at {uri} knows.") from error
    return TrainingRun(uri=uri, run_id=ids["run_id"], experiment_id=ids["experiment_id"])


def git_commit(root: Path) -> str:
    """Name the commit of the code, with `-dirty` where files differ from it; `unknown` outside of git."""
    command = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _experiment(client: MlflowClient) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    return found.experiment_id if found else client.create_experiment(EXPERIMENT)


def _dataset(facts: RunDescription) -> DatasetInput:
    dataset = Dataset(
        name=f"vehicles ({facts.data_source})",
        digest=facts.dataset_fingerprint[:DIGEST_CHARACTERS],
        source_type=facts.data_source,
        source=json.dumps({"description": facts.source_description}),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", "training")])


def _row_counts(facts: RunDescription) -> list[Metric]:
    return _metrics({f"rows_{name}": float(rows) for name, rows in facts.rows.items()})


def _metrics(values: Mapping[str, float]) -> list[Metric]:
    return [Metric(name, value, _now(), 0) for name, value in values.items()]


def _params(values: Mapping[str, float]) -> list[Param]:
    return [Param(name, f"{value:.6g}") for name, value in values.items()]


def _now() -> int:
    return int(time() * 1000)
