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
from carvalue.pipelines.retraining_steps import KNOWN_FILE, additions
from carvalue.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from carvalue.listings.datasets.store import Dataset
    from carvalue.pricing.training.backends import Grower
    from carvalue.pricing.training.search import Budget

logger = logging.getLogger(__name__)

DATASET_FILE = "dataset"  # in a training's working files: the name of the version that it learns from
VERSION_FILE = "version.json"  # likewise: the version that `register` made


class NothingTuned(AppError):
    """A training is to go on that has not begun."""

    status, hint = 409, "Begin at the step `tune`: `carvalue run initial_model_dag`."


class DaskMissing(AppError):
    """A cluster is to train, and this machine cannot talk to it."""

    status, hint = 500, "Install it with `uv sync --extra platform --extra dask`, or empty TRAINING_CLUSTER."


def download(*, settings: Settings, work: Path) -> None:
    """Bring the raw listings here: from Kaggle, from a file, or out of the bundled generator.

    Leaves `raw.json`, which says where the CSV is and what it is. Earlier data stays whole when this fails.
    """
    from carvalue.files.artifacts import write_report
    from carvalue.listings.sources.column_mapping import read_form
    from carvalue.listings.sources.fetch import KaggleRequest, SampleRequest, fetch

    raw = fetch(
        source=settings.data_source,
        into=work / "raw",
        kaggle=KaggleRequest(dataset=settings.kaggle_dataset, timeout_s=settings.kaggle_timeout_s),
        sample=SampleRequest(rows=settings.sample_rows, seed=settings.sample_seed),
        form=read_form(Path(settings.dataset)) if settings.dataset else None,
    )
    logger.info("raw listings are here", extra={"source": raw.description, "path": str(raw.path)})
    write_report(raw, work / "raw.json")


def clean(*, settings: Settings, work: Path) -> None:
    """Turn raw rows into listings; every rejected row is counted by reason and kept in `rejects.parquet`."""
    from carvalue.files.artifacts import read_report
    from carvalue.listings.datasets.cleaning import clean as clean_rows
    from carvalue.listings.sources.fetch import RawListings

    clean_rows(read_report(RawListings, work / "raw.json").path, into=work / "clean")


def split(*, settings: Settings, work: Path) -> None:
    """Part the listings into train, validation and test, by time and by car; ends with a leak report."""
    from carvalue.listings.datasets.cleaning import LISTINGS_FILE
    from carvalue.listings.datasets.splits import split as split_listings

    known = work / "clean" / KNOWN_FILE  # only a retraining has it
    listings = known if known.is_file() else work / "clean" / LISTINGS_FILE
    split_listings(listings, into=work / "splits")


def publish(*, settings: Settings, work: Path) -> None:
    """Make the three sets the current ones, with a manifest that says where they came from."""
    from carvalue.files.artifacts import read_report
    from carvalue.listings.datasets import cleaning, manifest, splits
    from carvalue.listings.datasets.store import DatasetStore
    from carvalue.listings.sources.fetch import RawListings

    raw = read_report(RawListings, work / "raw.json")
    described = manifest.describe(
        source_kind=raw.kind,
        source_description=raw.description + additions(work / "clean"),
        source_fingerprint=raw.fingerprint,
        cleaning=read_report(cleaning.CleaningReport, work / "clean" / cleaning.REPORT_FILE),
        splits=read_report(splits.SplitReport, work / "splits" / splits.REPORT_FILE),
        created_at=datetime.now(UTC),
    )
    DatasetStore(_store(settings)).publish(work / "splits", manifest=described)


def publish_reference(*, settings: Settings, work: Path) -> None:
    """Make the training rows the reference that live requests are compared with."""
    from carvalue.monitoring.drift.reference import publish_reference as publish_rows

    dataset = _dataset(settings)
    publish_rows(
        dataset.path("train"),
        fingerprint=dataset.manifest().fingerprint,
        root=settings.storage_root / "reference",
    )


def tune(*, settings: Settings, work: Path) -> None:
    """Search for good parameters with Optuna; every trial is a nested run in MLflow."""
    from carvalue.pricing.training import train as training
    from carvalue.registry.mlflow import tracking

    dataset = _dataset(settings)
    # datasets published while this model is in the making are for the next one
    (work / DATASET_FILE).write_text(dataset.name)
    manifest, budget = dataset.manifest(), _budget(settings)
    facts = tracking.RunFacts(
        budget=budget,
        data_source=manifest.source_kind,
        source_description=manifest.source_description,
        dataset_fingerprint=manifest.fingerprint,
        git_commit=tracking.git_commit(Path(__file__).parent),
        rows={name: period.rows for name, period in manifest.splits.items()},
    )
    run = tracking.start_run(uri=settings.mlflow_tracking_uri, facts=facts, state=work / "run.json")
    with run.failed_if_it_breaks_off():
        tuned = training.tune(
            train=dataset.path("train"),
            validation=dataset.path("validation"),
            budget=budget,
            on_trial=run.log_trial,
        )
        run.log_tuned(tuned)
    tuned.save(work / "tuned.json")


def train(*, settings: Settings, work: Path) -> None:
    """Train a model with the best parameters, and write it as a bundle: no pickle, its words in it."""
    from carvalue.pricing.bundle import model_card as card
    from carvalue.pricing.training import search
    from carvalue.pricing.training import train as training
    from carvalue.registry.mlflow.tracking import git_commit

    dataset = chosen_dataset(settings, work)
    manifest = dataset.manifest()
    with _grower(settings) as grower:
        training.train(
            tuned=search.Tuned.load(work / "tuned.json"),
            train=dataset.path("train"),
            validation=dataset.path("validation"),
            provenance=card.Provenance(
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
    from carvalue.pricing.evaluation.evaluate import evaluate as measure
    from carvalue.registry.promotion.champion import fetch_rival

    dataset = chosen_dataset(settings, work)
    measure(
        bundle=work / "bundle",
        train=dataset.path("train"),
        test=dataset.path("test"),
        reposts=dataset.reposts,
        into=work / "evaluation",
        rival=fetch_rival(uri=settings.mlflow_tracking_uri, bundle=work / "bundle", into=work / "production"),
    )


def register(*, settings: Settings, work: Path) -> None:
    """Register the bundle in MLflow as a version of `vehicles-price-model`."""
    from carvalue.registry.mlflow import tracking, versions

    uri = settings.mlflow_tracking_uri
    version = versions.register(
        uri=uri,
        run=tracking.resume_run(uri=uri, state=work / "run.json"),
        bundle=work / "bundle",
        evaluation=work / "evaluation",
    )
    version.save(work / VERSION_FILE)


def audit_file(settings: Settings) -> Path:
    """Tell where decisions about production are noted."""
    from carvalue.registry.audit import AUDIT_FILE

    return settings.storage_root / AUDIT_FILE


def work_folder(settings: Settings, pipeline: str) -> Path:
    """Make the folder of a pipeline's working files; no two pipelines share one."""
    folder = settings.storage_root / "work" / pipeline
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _store(settings: Settings) -> Path:
    return settings.storage_root / "datasets"


def _dataset(settings: Settings) -> "Dataset":
    from carvalue.listings.datasets.store import DatasetStore

    return DatasetStore(_store(settings)).current()


def chosen_dataset(settings: Settings, work: Path) -> "Dataset":
    """Find the version that `tune` began with.

    Raises:
        NothingTuned: no training has begun.
        DatasetMissing: the version was pruned since.
    """
    from carvalue.listings.datasets.store import DatasetStore

    try:
        name = (work / DATASET_FILE).read_text()
    except FileNotFoundError as error:
        raise NothingTuned(f"{error.filename} is missing: no training has begun.") from error
    return DatasetStore(_store(settings)).version(name)


def _grower(settings: Settings) -> "AbstractContextManager[Grower]":
    """Find who grows the trees.

    Raises:
        DaskMissing: a cluster is named, but the extra `dask` is not installed.
        ClusterAway: it cannot be worked with.
    """
    if not settings.training_cluster:
        from carvalue.pricing.training.backends import InProcess

        return nullcontext(InProcess())
    try:
        from carvalue.pricing.training.dask_backend import connected
    except ModuleNotFoundError as error:
        raise DaskMissing(f"TRAINING_CLUSTER is set, but {error.name} is not installed.") from error
    return connected(settings.training_cluster)


def _budget(settings: Settings) -> "Budget":
    if settings.training_budget != "auto":
        return settings.training_budget
    return "quick" if _dataset(settings).manifest().source_kind == "sample" else "default"
