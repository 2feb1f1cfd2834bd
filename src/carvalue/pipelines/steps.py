"""The steps: each reads what the one before left in files, calls a room, and leaves files for the next.

A step is given the settings and the folder of its pipeline's working files; its docstring is its page in
Airflow. Rooms are imported where they are used: Airflow parses the DAG files over and over, and the rooms
bring heavy libraries along.
"""

import logging
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from carvalue.errors import AppError
from carvalue.pipelines.retraining_steps import KNOWN_FILE, dataset_changes
from carvalue.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from carvalue.listings.datasets import Dataset
    from carvalue.pricing.training import Budget, TrainingBackend

logger = logging.getLogger(__name__)

DATASET_FILE = "dataset"  # in a training's working files: the name of the version that it learns from
VERSION_FILE = "version.json"  # likewise: the version that `register_version` made


class TuningMissing(AppError):
    """A training is to go on that has not begun."""

    status, hint = 409, "Begin at the step `tune`: `carvalue run initial_model_dag`."


class DaskMissing(AppError):
    """A cluster is to train, and this machine cannot talk to it."""

    status, hint = 500, "Install it with `uv sync --extra platform --extra dask`, or empty TRAINING_CLUSTER."


def download(*, settings: Settings, work: Path) -> None:
    """Bring the raw listings here: from Kaggle, from a file, or out of the bundled generator.

    Leaves `raw.json`, which says where the CSV is and what it is. Earlier data stays whole when this fails.
    """
    from carvalue.files import write_artifact
    from carvalue.listings.sources import KaggleRequest, SampleRequest, fetch_listings, read_column_mapping

    raw = fetch_listings(
        source=settings.data_source,
        into=work / "raw",
        kaggle=KaggleRequest(dataset=settings.kaggle_dataset, timeout_s=settings.kaggle_timeout_s),
        sample=SampleRequest(rows=settings.sample_rows, seed=settings.sample_seed),
        mapping=read_column_mapping(Path(settings.dataset)) if settings.dataset else None,
    )
    logger.info("raw listings are here", extra={"source": raw.description, "path": str(raw.path)})
    write_artifact(raw, work / "raw.json")


def clean(*, settings: Settings, work: Path) -> None:
    """Turn raw rows into listings; every rejected row is counted by reason and kept in `rejects.parquet`."""
    from carvalue.files import read_artifact
    from carvalue.listings.cleaning import clean as clean_rows
    from carvalue.listings.sources import RawListings

    clean_rows(read_artifact(RawListings, work / "raw.json").path, into=work / "clean")


def split(*, settings: Settings, work: Path) -> None:
    """Part the listings into train, validation and test, by time and by car; ends with a leak report."""
    from carvalue.listings.cleaning import LISTINGS_FILE
    from carvalue.listings.datasets import split as split_listings

    known = work / "clean" / KNOWN_FILE  # only a retraining has it
    listings = known if known.is_file() else work / "clean" / LISTINGS_FILE
    split_listings(listings, into=work / "splits")


def publish(*, settings: Settings, work: Path) -> None:
    """Make the three sets the current ones, with a manifest that says where they came from."""
    from carvalue.files import read_artifact
    from carvalue.listings.cleaning import CLEANING_REPORT, CleaningReport
    from carvalue.listings.datasets import SPLIT_REPORT, DatasetStore, SplitReport, describe_dataset
    from carvalue.listings.sources import RawListings

    raw = read_artifact(RawListings, work / "raw.json")
    described = describe_dataset(
        source_kind=raw.kind,
        source_description=raw.description + dataset_changes(work / "clean"),
        source_fingerprint=raw.fingerprint,
        cleaning=read_artifact(CleaningReport, work / "clean" / CLEANING_REPORT),
        splits=read_artifact(SplitReport, work / "splits" / SPLIT_REPORT),
        created_at=datetime.now(UTC),
    )
    DatasetStore(_store(settings)).publish(work / "splits", manifest=described)


def publish_reference(*, settings: Settings, work: Path) -> None:
    """Make the training rows the reference that live requests are compared with."""
    from carvalue.monitoring.drift import publish_reference as publish_rows

    dataset = _dataset(settings)
    publish_rows(
        dataset.path("train"),
        fingerprint=dataset.manifest().fingerprint,
        root=settings.storage_root / "reference",
    )


def tune(*, settings: Settings, work: Path) -> None:
    """Search for good parameters with Optuna; every trial is a nested run in MLflow."""
    from carvalue.pricing.training import tune_model
    from carvalue.registry.mlflow import RunDescription, git_commit, start_run

    dataset = _dataset(settings)
    # datasets published while this model is in the making are for the next one
    (work / DATASET_FILE).write_text(dataset.name)
    manifest, budget = dataset.manifest(), _budget(settings)
    facts = RunDescription(
        budget=budget,
        data_source=manifest.source_kind,
        source_description=manifest.source_description,
        dataset_fingerprint=manifest.fingerprint,
        git_commit=git_commit(Path(__file__).parent),
        rows={name: period.rows for name, period in manifest.splits.items()},
    )
    run = start_run(uri=settings.mlflow_tracking_uri, facts=facts, state=work / "run.json")
    with run.failed_if_it_breaks_off():
        tuned = tune_model(
            train=dataset.path("train"),
            validation=dataset.path("validation"),
            budget=budget,
            on_trial=run.log_trial,
        )
        run.log_tuned(tuned)
    tuned.save(work / "tuned.json")


def train(*, settings: Settings, work: Path) -> None:
    """Train a model with the best parameters, and write it as a bundle: no pickle, its words in it."""
    from carvalue.pricing.bundle import Provenance
    from carvalue.pricing.training import SearchResult, train_model
    from carvalue.registry.mlflow import git_commit

    dataset = chosen_dataset(settings, work)
    manifest = dataset.manifest()
    with _grower(settings) as grower:
        train_model(
            tuned=SearchResult.load(work / "tuned.json"),
            train=dataset.path("train"),
            validation=dataset.path("validation"),
            provenance=Provenance(
                data_source=manifest.source_kind,
                source_description=manifest.source_description,
                dataset_fingerprint=manifest.fingerprint,
                git_commit=git_commit(Path(__file__).parent),
            ),
            trained_at=datetime.now(UTC),
            into=work / "bundle",
            grower=grower,
        )


def evaluate(*, settings: Settings, work: Path) -> None:
    """Measure the model on the test cars beside a baseline of medians and the model in production."""
    from carvalue.pricing.evaluation import evaluate_bundle
    from carvalue.registry.promotion import fetch_other_champion

    dataset = chosen_dataset(settings, work)
    evaluate_bundle(
        bundle=work / "bundle",
        train=dataset.path("train"),
        test=dataset.path("test"),
        reposts=dataset.reposts,
        into=work / "evaluation",
        rival=fetch_other_champion(
            uri=settings.mlflow_tracking_uri, bundle=work / "bundle", into=work / "production"
        ),
    )


def register(*, settings: Settings, work: Path) -> None:
    """Register the bundle in MLflow as a version of `vehicles-price-model`."""
    from carvalue.registry.mlflow import register_version, resume_run

    uri = settings.mlflow_tracking_uri
    version = register_version(
        uri=uri,
        run=resume_run(uri=uri, state=work / "run.json"),
        bundle=work / "bundle",
        evaluation=work / "evaluation",
    )
    version.save(work / VERSION_FILE)


def audit_file(settings: Settings) -> Path:
    """Tell where decisions about production are noted."""
    from carvalue.registry import AUDIT_FILE

    return settings.storage_root / AUDIT_FILE


def work_folder(settings: Settings, pipeline: str) -> Path:
    """Make the folder of a pipeline's working files; no two pipelines share one."""
    folder = settings.storage_root / "work" / pipeline
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _store(settings: Settings) -> Path:
    return settings.storage_root / "datasets"


def _dataset(settings: Settings) -> "Dataset":
    from carvalue.listings.datasets import DatasetStore

    return DatasetStore(_store(settings)).current()


def chosen_dataset(settings: Settings, work: Path) -> "Dataset":
    """Find the version that `tune` began with.

    Raises:
        TuningMissing: no training has begun.
        DatasetMissing: the version was pruned since.
    """
    from carvalue.listings.datasets import DatasetStore

    try:
        name = (work / DATASET_FILE).read_text()
    except FileNotFoundError as error:
        raise TuningMissing(f"{error.filename} is missing: no training has begun.") from error
    return DatasetStore(_store(settings)).version(name)


def _grower(settings: Settings) -> "AbstractContextManager[TrainingBackend]":
    """Find who grows the trees.

    Raises:
        DaskMissing: a cluster is named, but the extra `dask` is not installed.
        ClusterAway: it cannot be worked with.
    """
    if not settings.training_cluster:
        from carvalue.pricing.training import LocalBackend

        return nullcontext(LocalBackend())
    try:
        from carvalue.pricing.training.distributed import connect_dask
    except ModuleNotFoundError as error:
        raise DaskMissing(f"TRAINING_CLUSTER is set, but {error.name} is not installed.") from error
    return connect_dask(settings.training_cluster)


def _budget(settings: Settings) -> "Budget":
    if settings.training_budget != "auto":
        return settings.training_budget
    return "quick" if _dataset(settings).manifest().source_kind == "sample" else "default"
