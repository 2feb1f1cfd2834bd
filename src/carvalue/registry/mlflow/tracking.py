"""Training runs in MLflow: one parent run per training, and a nested run per trial of the search."""

import json
import logging
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
from carvalue.files import StoredFormat
from carvalue.pricing.training import SearchResult, Trial
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.model_version import DATA_SOURCE_TAG, EXPERIMENT

logger = logging.getLogger(__name__)

RUN_FORMAT = StoredFormat(kind="training run")
MAX_DIGEST_CHARACTERS = 36  # of a dataset's digest in MLflow
MAX_CURVE_POINTS = 900  # MLflow accepts at most 1,000 metrics per batch
TRUNCATED_TAG = "validation_error.truncated"
"""The tag of a trial whose learning curve has more points than are logged."""


CUT_SHORT_TAG = "search.cut_short"
"""Whether the time limit ended the search before its last planned trial: `true` or `false`."""


class RunMissing(AppError):
    """The training run that an earlier step started does not exist."""

    status = 409
    hint = "Start again at the step `tune`: `carvalue run initial_model_dag`."


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """The facts about a training that are known at its start.

    Attributes:
        budget: The name of the search budget.
        data_source: The kind of data source: kaggle, file or sample.
        source_description: The source as one line of text.
        dataset_fingerprint: The hash of the dataset's listings.
        git_commit: The commit of the code.
        rows: Split to its number of rows.
    """

    budget: str
    data_source: str
    source_description: str
    dataset_fingerprint: str
    git_commit: str
    rows: Mapping[str, int]


@dataclass(frozen=True)
class TrainingRun:
    """The parent run of one training.

    Attributes:
        uri: The URI of the MLflow server or database.
        run_id: The id of the run.
        experiment_id: The id of its experiment.
    """

    uri: str
    run_id: str
    experiment_id: str

    def log_trial(self, trial: Trial) -> None:
        """Log one trial as a nested run: its parameters, its learning curve and its result.

        Only the first `MAX_CURVE_POINTS` points of the curve are logged; a warning and a tag say so.

        Args:
            trial: The trial.
        """
        with connect_mlflow(self.uri) as client:
            tags = {"mlflow.parentRunId": self.run_id, "mlflow.runName": f"trial {trial.number}"}
            tags |= _truncation_tag(trial)
            run_id = client.create_run(self.experiment_id, tags=tags).info.run_id
            curve = [
                Metric("validation_error", error, _now(), step)
                for step, error in enumerate(trial.curve[:MAX_CURVE_POINTS])
            ]
            totals = {"error": trial.error, "rounds": float(trial.rounds), "seconds": trial.seconds}
            client.log_batch(run_id, metrics=curve + _metrics(totals), params=_params(trial.params))
            client.set_terminated(run_id, status="KILLED" if trial.pruned else "FINISHED")

    def log_search_result(self, result: SearchResult) -> None:
        """Log the best parameters of the search on the parent run.

        Args:
            result: The result of the search.
        """
        totals = {
            "search_error": result.error,
            "search_trials": float(result.trials),
            "search_trials_planned": float(result.planned_trials),
            "search_s": result.seconds,
        }
        with connect_mlflow(self.uri) as client:
            client.log_batch(self.run_id, metrics=_metrics(totals), params=_params(result.params))
            client.set_tag(self.run_id, CUT_SHORT_TAG, str(result.is_cut_short).lower())

    def finish(self) -> None:
        """Close the run as finished."""
        self._end("FINISHED")

    @contextmanager
    def failed_on_error(self) -> Iterator[None]:
        """Close the run as failed if the block raises an error; a later step can still finish the run.

        Yields:
            Nothing.
        """
        try:
            yield
        except BaseException:
            self._end("FAILED")
            raise

    def _end(self, status: Literal["FINISHED", "FAILED"]) -> None:
        with connect_mlflow(self.uri) as client:
            client.set_terminated(self.run_id, status=status)


def start_run(*, uri: str, facts: RunDescription, state: Path) -> TrainingRun:
    """Start the parent run of a training, and write its id to a file for the next step.

    Args:
        uri: The URI of the MLflow server or database.
        facts: The facts about the training.
        state: The JSON file to write.

    Returns:
        The run.

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
    RUN_FORMAT.write(state, {"run_id": run_id, "experiment_id": experiment_id})
    return run


def resume_run(*, uri: str, state: Path) -> TrainingRun:
    """Find the parent run that `start_run` started.

    Args:
        uri: The URI of the MLflow server or database.
        state: The JSON file that `start_run` wrote.

    Returns:
        The run.

    Raises:
        RunMissing: The file is missing or damaged, or MLflow does not have the run.
        RegistryUnavailable: MLflow does not answer.
    """
    try:
        ids = RUN_FORMAT.read(state)
        with connect_mlflow(uri) as client:
            client.get_run(ids["run_id"])
    except (OSError, ValueError, KeyError, MlflowException) as error:
        raise RunMissing(f"{state} does not name a run of MLflow at {uri}.") from error
    return TrainingRun(uri=uri, run_id=ids["run_id"], experiment_id=ids["experiment_id"])


def git_commit(root: Path) -> str:
    """Find the git commit of the code.

    Args:
        root: A folder of the working tree.

    Returns:
        The commit, with `-dirty` appended if files differ from it; `unknown` outside of a git repository.
    """
    command = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return completed.stdout.strip()


def _truncation_tag(trial: Trial) -> dict[str, str]:
    points = len(trial.curve)
    if points <= MAX_CURVE_POINTS:
        return {}
    logger.warning(
        "learning curve truncated",
        extra={"trial": trial.number, "points": points, "logged": MAX_CURVE_POINTS},
    )
    return {TRUNCATED_TAG: f"first {MAX_CURVE_POINTS} of {points} points"}


def _experiment(client: MlflowClient) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)


def _dataset(facts: RunDescription) -> DatasetInput:
    dataset = Dataset(
        name=f"vehicles ({facts.data_source})",
        digest=facts.dataset_fingerprint[:MAX_DIGEST_CHARACTERS],
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
