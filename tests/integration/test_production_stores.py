"""A training with the stores of production: MLflow on PostgreSQL and S3, the journal on PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import httpx
import pytest
from sqlalchemy import create_engine, text

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.files.bundle import bundle_digest
from carvalue.journal.entries import JournalEntry
from carvalue.journal.store import Journal
from carvalue.pipelines.definitions import CREATES_DATASETS, INITIAL_MODEL
from carvalue.pipelines.runner import run_pipeline
from carvalue.registry.http_reader import HttpRegistryReader
from carvalue.registry.model_version import BUNDLE_PATH
from carvalue.settings import Settings
from platforms import platform_settings
from production import answers, environment, fake_aws, postgres, role
from waiting import until

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

BUCKET = "models"
KEYS = {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_DEFAULT_REGION": "us-east-1"}


class Stores(NamedTuple):
    """Where production keeps things, and the settings that lead there."""

    settings: Settings
    mlflow_database: str
    s3: Any


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        port, password = stack.enter_context(postgres(tmp_path))
        server = f"postgresql://owner:{password}@127.0.0.1:{port}"
        _create_databases(server, "mlflow", "journal")
        with closing(Journal(f"{server}/journal")) as journal:
            journal.migrate()
        address = stack.enter_context(fake_aws(tmp_path))
        s3 = stack.enter_context(closing(boto3.client("s3", endpoint_url=address)))
        s3.create_bucket(Bucket=BUCKET)
        settings = platform_settings(
            tmp_path / "state", data_source="sample", sample_rows=6_000, journal_url=f"{server}/journal"
        )
        given = environment(
            tmp_path,
            MLFLOW_PORT=str(settings.mlflow_port),
            MLFLOW_BACKEND_STORE_URI=f"{server}/mlflow",
            MLFLOW_ARTIFACTS_DESTINATION=f"s3://{BUCKET}/mlflow",
            MLFLOW_S3_ENDPOINT_URL=address,
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
            **KEYS,
        )
        stack.enter_context(role("mlflow", log=tmp_path / "mlflow.log", environment=given))
        until(lambda: answers(f"{settings.mlflow_tracking_uri}/health"), within_s=180)
        yield Stores(settings, f"{server}/mlflow", s3)


def _create_databases(server: str, *names: str) -> None:
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"create database {name}"))
    engine.dispose()


def test_the_service_quotes_with_a_model_from_production_stores(stores: Stores, tmp_path: Path) -> None:
    for pipeline in (CREATES_DATASETS, INITIAL_MODEL):
        run_pipeline(pipeline, stores.settings, report=lambda _: None)
    with HttpRegistryReader(stores.settings.mlflow_tracking_uri) as reader:
        version = reader.champion()
    assert version is not None

    assert _rows(stores.mlflow_database, "select name, version, run_id from model_versions") == [
        (version.name, version.version, version.run_id)
    ]
    assert bundle_digest(_bundle_in_the_bucket(stores.s3, tmp_path / "fetched")) == version.bundle_digest
    quote, kept = _quote_of_a_new_service(stores.settings, tmp_path)
    assert quote["model_version"] == str(version.version)
    assert (kept.quote_id, kept.price) == (quote["quote_id"], quote["price"])


def _rows(database: str, question: str) -> list[tuple[Any, ...]]:
    engine = create_engine(database)
    with engine.connect() as connection:
        rows = connection.execute(text(question)).all()
    engine.dispose()
    return [tuple(row) for row in rows]


def _bundle_in_the_bucket(s3: Any, folder: Path) -> Path:
    folder.mkdir()
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        place, _, name = item["Key"].rpartition("/")
        if place.endswith(f"/{BUNDLE_PATH}"):
            s3.download_file(BUCKET, item["Key"], folder / name)
    return folder


def _quote_of_a_new_service(settings: Settings, folder: Path) -> tuple[dict[str, Any], JournalEntry]:
    """Ask a service that has nothing but addresses; give its answer and what the journal keeps of it."""
    given = environment(
        folder,
        STATE_DIR=str(folder / "of-the-service"),
        SERVICE_PORT=str(settings.service_port),
        MLFLOW_TRACKING_URI=settings.mlflow_tracking_uri,
        JOURNAL_URL=settings.journal_url.get_secret_value(),
    )
    with (
        role("service", log=folder / "service.log", environment=given),
        closing(Journal(settings.journal_url.get_secret_value())) as journal,
    ):
        until(lambda: answers(f"{settings.service_url}/readyz"), within_s=60)
        answer = httpx.post(f"{settings.service_url}/predict", json=EXAMPLE, timeout=30).raise_for_status()
        until(lambda: _first(journal) is not None)
        kept = _first(journal)
    assert kept is not None
    return answer.json(), kept


def _first(journal: Journal) -> JournalEntry | None:
    found = journal.after("", until=datetime.now(UTC), limit=1)
    return found[0] if found else None
