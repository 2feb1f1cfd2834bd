"""What a retraining does before it trains, on real files, a real journal and a real registry."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from carvalue.files.artifacts import read_artifact
from carvalue.journal.store import Journal
from carvalue.listings.datasets.sales import MIN_SALES
from carvalue.listings.datasets.splits import SPLIT_REPORT, SplitReport
from carvalue.listings.datasets.store import DatasetStore
from carvalue.pipelines import retraining_steps, steps
from carvalue.registry.model_version import FINGERPRINT_TAG, MODEL_NAME, PRODUCTION
from carvalue.settings import Settings
from factories import an_entry

# MLflow in this process, not in its server's: it declares its tables in a way that SQLAlchemy has left behind
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    MlflowClient(uri, uri).create_registered_model(MODEL_NAME)
    return uri


@pytest.fixture
def settings(tmp_path: Path, uri: str) -> Settings:
    return Settings(
        state_dir=tmp_path / "var", data_source="sample", sample_rows=1_000, mlflow_tracking_uri=uri
    )


def prepare(settings: Settings) -> SplitReport:
    work = steps.work_folder(settings, "retrain_model_dag").read()
    own = (retraining_steps.adjust_prices, retraining_steps.join_sales)
    for step in (steps.download, steps.clean, *own, steps.split):
        step(settings=settings, work=work)
    return read_artifact(SplitReport, work / "splits" / SPLIT_REPORT)


def look_for_news(settings: Settings) -> None:
    retraining_steps.skip_if_unchanged(
        settings=settings, work=steps.work_folder(settings, "retrain_model_dag").read()
    )


def in_production(settings: Settings, fingerprint: str) -> None:
    client = MlflowClient(settings.mlflow_tracking_uri, settings.mlflow_tracking_uri)
    version = client.create_model_version(MODEL_NAME, "none", tags={FINGERPRINT_TAG: fingerprint})
    client.set_registered_model_alias(MODEL_NAME, PRODUCTION, version.version)


def report_sales(settings: Settings, count: int) -> None:
    journal, now = Journal(settings.journal_url.get_secret_value()), datetime.now(UTC)
    cars = [
        {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 9_001 + n} for n in range(count)
    ]
    journal.write([an_entry(number, listing=car) for number, car in enumerate(cars)])
    for number in range(count):
        told_at = now + timedelta(seconds=number)
        journal.add_feedback(quote_id=an_entry(number).quote_id, sale_price=20_000, reported_at=told_at)
    journal.close()


def test_a_retraining_without_new_listings_is_skipped(settings: Settings) -> None:
    report = prepare(settings)
    look_for_news(settings)  # nothing is in production yet
    in_production(settings, report.fingerprint)

    with pytest.raises(retraining_steps.NothingToLearn, match=report.fingerprint):
        look_for_news(settings)


def test_sales_without_a_champion_are_left_out(settings: Settings) -> None:
    report_sales(settings, MIN_SALES)

    prepare(settings)
    steps.publish(settings=settings, work=steps.work_folder(settings, "retrain_model_dag").read())

    dataset = DatasetStore(settings.storage_root / "datasets").current()
    assert "reported sales" not in dataset.manifest().source_description
