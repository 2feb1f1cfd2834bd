"""With an unavailable dependency or a full disk, production stays and a retraining can continue later."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carvalue.errors import AppError
from carvalue.journal.store import JournalUnavailable
from carvalue.listings.datasets.store import DatasetStore
from carvalue.pipelines import promotion_steps, retraining_steps, steps
from carvalue.pipelines.definitions import RETRAIN_MODEL, Step
from carvalue.registry.model_version import RegistryUnavailable
from carvalue.settings import Settings
from markets import a_bundle
from platforms import free_port

FULL_AFTER_BYTES = 5_000

# a limit on the size of files stands for a disk that is full: the same calls fail, in the same places
WITH_A_FULL_DISK = """
import resource, sys
from carvalue.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    away = f"http://127.0.0.1:{free_port()}"
    return Settings(
        state_dir=tmp_path / "var", data_source="sample", sample_rows=1_000, mlflow_tracking_uri=away
    )


@pytest.fixture
def work(settings: Settings) -> Path:
    """Working files as they are before the first step that needs MLflow."""
    work = steps.work_folder(settings, RETRAIN_MODEL.name).read()
    for step in (steps.download, steps.clean, steps.split, steps.publish):
        step(settings=settings, work=work)
    return work


def run_with_a_full_disk(settings: Settings, *, start: str) -> subprocess.CompletedProcess[str]:
    chosen = {"STATE_DIR": settings.state_dir, "DATA_SOURCE": "sample", "SAMPLE_ROWS": 1_000}
    words = (str(FULL_AFTER_BYTES), "run", RETRAIN_MODEL.name, "--from", start)
    return subprocess.run(
        [sys.executable, "-c", WITH_A_FULL_DISK, *words],
        env=os.environ | {name: str(value) for name, value in chosen.items()},
        capture_output=True,
        text=True,
        timeout=120,
    )


def is_retried(error: AppError) -> bool:
    from carvalue.pipelines.airflow import RETRIED_STATUSES  # Airflow takes seconds, in each process

    return error.status in RETRIED_STATUSES


@pytest.mark.parametrize(
    "step", [retraining_steps.adjust_prices, steps.tune, steps.evaluate, promotion_steps.judge]
)
def test_an_unavailable_mlflow_fails_the_step_clearly_and_is_retried(
    settings: Settings, work: Path, step: Callable[..., None]
) -> None:
    a_bundle(work)
    (work / steps.DATASET_FILE).write_text(DatasetStore(settings.storage_root / "datasets").current().name)
    (work / steps.VERSION_FILE).write_text(
        '{"name": "m", "version": 1, "run_id": "r", "source": "s", "bundle_digest": "d"}'
    )

    with pytest.raises(RegistryUnavailable) as away:
        step(settings=settings, work=work)

    assert is_retried(away.value)


def test_an_unavailable_journal_fails_the_step_and_is_retried(settings: Settings, work: Path) -> None:
    url = f"sqlite:///{work / 'raw'}"  # a folder
    away = Settings.model_validate(settings.model_dump() | {"journal_url": url})

    with pytest.raises(JournalUnavailable) as error:
        retraining_steps.join_sales(settings=away, work=work)

    assert is_retried(error.value)


def test_every_step_of_a_retraining_is_retried_after_its_process_is_killed() -> None:
    def may_be_tried_again(step: Step) -> bool:
        return step.retries >= 1

    assert all(map(may_be_tried_again, RETRAIN_MODEL.steps))


@pytest.mark.parametrize("start", ["download", "split", "publish", "publish_reference"])
def test_a_full_disk_fails_the_run_and_keeps_published_data_complete(
    settings: Settings, work: Path, start: str
) -> None:
    store = DatasetStore(settings.storage_root / "datasets")
    before, published = store.current(), store.current().path("test").read_bytes()

    done = run_with_a_full_disk(settings, start=start)

    assert done.returncode != 0
    assert "File too large" in done.stderr, done.stderr
    assert store.current() == before
    assert store.current().path("test").read_bytes() == published
    assert not list((settings.storage_root / "reference").glob("*.json"))


def test_a_step_that_failed_on_a_full_disk_can_be_repeated(settings: Settings, work: Path) -> None:
    run_with_a_full_disk(settings, start="split")
    steps.split(settings=settings, work=work)
    steps.publish(settings=settings, work=work)

    assert DatasetStore(settings.storage_root / "datasets").current().manifest().rows_kept > 0
