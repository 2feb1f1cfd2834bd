"""The steps of the pipelines: each reads the files of earlier steps and writes files for later ones.

The first part of a step's docstring is its documentation in Airflow. Other packages are imported within the
functions, because Airflow parses the DAG files repeatedly and these packages import large libraries.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from carvalue.errors import AppError
from carvalue.pipelines.cluster import open_training_backend, open_workers
from carvalue.pipelines.retraining_steps import ADJUSTED_FILE, dataset_changes
from carvalue.settings import PipelineSettings

if TYPE_CHECKING:
    from carvalue.files import StoredFolder
    from carvalue.listings.datasets import Dataset
    from carvalue.pricing.training import Budget

logger = logging.getLogger(__name__)

WORK = "work"
"""The folder of the storage with the working files, in one folder for each pipeline."""
DATASET_FILE = "dataset"
"""The name of the dataset version that a training uses, among its working files."""
VERSION_FILE = "version.json"
"""The registered model version, among a training's working files."""


class TuningMissing(AppError):
    """A later step of a training runs before `tune`."""

    status, hint = 409, "Start at the step `tune`: `carvalue run initial_model_dag`."


def download(*, settings: PipelineSettings, work: Path) -> None:
    """Fetch raw listings from Kaggle, from files, or from the bundled sample generator.

    Of a folder, a pattern or a bucket, only new and changed files are read. Writes `raw.json` with the paths
    and the origin of the listings. If this fails, earlier data is unchanged.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.files import write_artifact
    from carvalue.listings.sources import (
        KaggleRequest,
        SampleRequest,
        drop_unused_partitions,
        fetch_listings,
        read_column_mapping,
    )

    is_accepted = settings.generated_data == "accept"
    raw = fetch_listings(
        source=settings.data_source,
        into=work / "raw",
        kaggle=KaggleRequest(dataset=settings.kaggle_dataset, timeout_s=settings.kaggle_timeout_s),
        sample=SampleRequest(rows=settings.sample_rows, seed=settings.sample_seed) if is_accepted else None,
        mapping=read_column_mapping(Path(settings.dataset)) if settings.dataset else None,
    )
    logger.info("raw listings fetched", extra={"source": raw.description, "path": str(raw.path)})
    write_artifact(raw, work / "raw.json")
    drop_unused_partitions(raw)


def clean(*, settings: PipelineSettings, work: Path) -> None:
    """Turn raw rows into clean listings; rejected rows are counted by reason and kept in `rejects.parquet`.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.files import read_artifact
    from carvalue.listings.cleaning import clean as clean_rows
    from carvalue.listings.sources import RawListings

    raw = read_artifact(RawListings, work / "raw.json")
    with open_workers(settings) as workers:
        clean_rows(raw.files, into=work / "clean", workers=workers)


def split(*, settings: PipelineSettings, work: Path) -> None:
    """Split the listings into train, validation and test by time and by car, and check for leaks.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.listings.cleaning import LISTINGS_FILE
    from carvalue.listings.datasets import SALES_FILE
    from carvalue.listings.datasets import split as split_listings

    clean = work / "clean"
    adjusted, sales = clean / ADJUSTED_FILE, clean / SALES_FILE  # only a retraining has them
    with open_workers(settings) as workers:
        split_listings(
            adjusted if adjusted.is_file() else clean / LISTINGS_FILE,
            into=work / "splits",
            sales=sales if sales.is_file() else None,
            workers=workers,
        )


def publish(*, settings: PipelineSettings, work: Path) -> None:
    """Publish the three splits as the current dataset version, with a manifest of their origin.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.files import open_folder, read_artifact
    from carvalue.listings.cleaning import CLEANING_REPORT, CleaningReport
    from carvalue.listings.datasets import DATASETS, SPLIT_REPORT, DatasetStore, SplitReport, describe_dataset
    from carvalue.listings.sources import RawListings

    raw = read_artifact(RawListings, work / "raw.json")
    manifest = describe_dataset(
        source_kind=raw.kind,
        source_description=raw.description + dataset_changes(work / "clean"),
        source_fingerprint=raw.fingerprint,
        cleaning=read_artifact(CleaningReport, work / "clean" / CLEANING_REPORT),
        splits=read_artifact(SplitReport, work / "splits" / SPLIT_REPORT),
        created_at=datetime.now(UTC),
    )
    with open_folder(settings, DATASETS).updated() as folder:
        DatasetStore(folder).publish(work / "splits", manifest=manifest)


def publish_reference(*, settings: PipelineSettings, work: Path) -> None:
    """Publish the training rows as the reference of drift detection.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.files import open_folder
    from carvalue.monitoring.drift import REFERENCE
    from carvalue.monitoring.drift import publish_reference as publish_rows

    dataset = _dataset(settings)
    with open_workers(settings) as workers, open_folder(settings, REFERENCE).updated() as folder:
        publish_rows(
            dataset.path("train"), fingerprint=dataset.manifest().fingerprint, root=folder, workers=workers
        )


def tune(*, settings: PipelineSettings, work: Path) -> None:
    """Tune the hyperparameters with Optuna; every trial is a nested run in MLflow.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.pricing.training import tune_model
    from carvalue.registry.mlflow import RunDescription, git_commit, start_run

    dataset = _dataset(settings)
    # later steps use this version, even if another one is published in the meantime
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
    with run.failed_on_error(), open_workers(settings) as workers:
        tuned = tune_model(
            train=dataset.path("train"),
            validation=dataset.path("validation"),
            budget=budget,
            on_trial=run.log_trial,
            workers=workers,
        )
        run.log_search_result(tuned)
    tuned.save(work / "tuned.json")


def train(*, settings: PipelineSettings, work: Path) -> None:
    """Train the model that is evaluated, with the best hyperparameters; the test rows stay unseen.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.pricing.bundle import Provenance
    from carvalue.pricing.training import SearchResult, train_model
    from carvalue.registry.mlflow import git_commit

    dataset = chosen_dataset(settings, work)
    manifest = dataset.manifest()
    with open_training_backend(settings) as backend:
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
            into=evaluated_bundle(work),
            backend=backend,
        )


def evaluate(*, settings: PipelineSettings, work: Path) -> None:
    """Evaluate the model on the test cars, next to a baseline of medians and the model in production.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.pricing.evaluation import evaluate_bundle
    from carvalue.registry import open_registry
    from carvalue.registry.gates import load_champion

    with open_registry(settings) as registry:
        champion = load_champion(registry, into=work / "production")
    dataset = chosen_dataset(settings, work)
    evaluate_bundle(
        bundle=evaluated_bundle(work),
        train=dataset.path("train"),
        test=dataset.path("test"),
        reposts=dataset.reposts,
        into=work / "evaluation",
        champion=champion,
    )


def refit(*, settings: PipelineSettings, work: Path) -> None:
    """Fit the evaluated model again on all listings, the newest included, and write it as a bundle.

    This is the model that is registered and quotes; its expected accuracy is that of the evaluated one.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.pricing import PriceModel
    from carvalue.pricing.evaluation import read_accuracy
    from carvalue.pricing.training import refit_model

    dataset = chosen_dataset(settings, work)
    with open_training_backend(settings) as backend:
        refit_model(
            evaluated=PriceModel.load(evaluated_bundle(work)),
            train=dataset.path("train"),
            validation=dataset.path("validation"),
            test=dataset.path("test"),
            reposts=dataset.reposts,
            into=work / "bundle",
            accuracy=read_accuracy(work / "evaluation"),
            backend=backend,
        )


def register(*, settings: PipelineSettings, work: Path) -> None:
    """Register the refitted model in MLflow as a version of `vehicles-price-model`, with its evaluation.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.registry import open_registry
    from carvalue.registry.mlflow import resume_run

    run = resume_run(uri=settings.mlflow_tracking_uri, state=work / "run.json")
    with open_registry(settings) as registry:
        version = registry.register(run_id=run.run_id, bundle=work / "bundle", evaluation=work / "evaluation")
    version.save(work / VERSION_FILE)


def evaluated_bundle(work: Path) -> Path:
    """Name the bundle of the model that is evaluated; it is registered with the evaluation.

    Args:
        work: The folder of the pipeline's working files.

    Returns:
        The folder.
    """
    from carvalue.registry import EVALUATED_MODEL

    return work / "evaluation" / EVALUATED_MODEL


def work_folder(settings: PipelineSettings, pipeline: str) -> "StoredFolder":
    """Open the folder of a pipeline's working files; every pipeline has its own.

    Args:
        settings: The settings of the program.
        pipeline: The name of the pipeline.

    Returns:
        The folder.
    """
    from carvalue.files import open_folder

    return open_folder(settings, f"{WORK}/{pipeline}")


def _dataset(settings: PipelineSettings) -> "Dataset":
    from carvalue.files import open_folder
    from carvalue.listings.datasets import DATASETS, DatasetStore

    return DatasetStore(open_folder(settings, DATASETS).read()).current()


def chosen_dataset(settings: PipelineSettings, work: Path) -> "Dataset":
    """Find the dataset version that the training's step `tune` used.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.

    Returns:
        The dataset version.

    Raises:
        TuningMissing: The step `tune` has not run.
        DatasetMissing: The version has been deleted since.
    """
    from carvalue.files import open_folder
    from carvalue.listings.datasets import DATASETS, DatasetStore

    try:
        name = (work / DATASET_FILE).read_text()
    except FileNotFoundError as error:
        raise TuningMissing(f"{error.filename} is missing: no training has begun.") from error
    return DatasetStore(open_folder(settings, DATASETS).read()).version(name)


def _budget(settings: PipelineSettings) -> "Budget":
    if settings.training_budget != "auto":
        return settings.training_budget
    return "quick" if _dataset(settings).manifest().source_kind == "sample" else "default"
