"""The mapping in docs/how-to/map-columns.md, word for word, from a file to a model that prices its cars."""

import re
from pathlib import Path

import pytest

from carvalue.listings.datasets.store import DatasetStore
from carvalue.pipelines.definitions import CREATES_DATASETS, INITIAL_MODEL
from carvalue.pipelines.runner import run_pipeline
from carvalue.pipelines.steps import work_folder
from carvalue.pricing.model import PriceModel
from carvalue.registry import GateJudgement, open_registry
from carvalue.settings import Settings
from german_listings import CARS, ROWS, euros, write_german_listings

# MLflow's own code and those it imports warn of each other
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning")

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "map-columns.md"
EURO, KM = 1.09, 0.621371


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    described = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert described
    (tmp_path / "autos.toml").write_text(described[1], encoding="utf-8")
    return Settings(
        dataset=str(tmp_path / "autos.toml"),
        data_source=str(write_german_listings(tmp_path / "autos.csv")),
        state_dir=tmp_path / "var",
        training_budget="quick",
        mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
    )


def test_a_mapped_file_becomes_a_version_in_production_that_prices_its_cars(settings: Settings) -> None:
    for pipeline in (CREATES_DATASETS, INITIAL_MODEL):
        run_pipeline(pipeline, settings, report=lambda _: None)

    manifest = DatasetStore(settings.storage_root / "datasets").manifest()
    model = PriceModel.load(work_folder(settings, INITIAL_MODEL.name).read() / "bundle")
    assert manifest.source_description == "autos.example, used cars in Germany: file autos.csv"
    assert manifest.rows_kept > 0.95 * ROWS
    for (make, name), new in CARS.items():
        make = make.lower().replace("vw", "volkswagen")
        listing = {"manufacturer": make, "model": name.lower(), "year": 2014, "odometer": round(150_000 * KM)}
        quote = model.quote(listing | {"fuel": "gas", "transmission": "automatic"})
        assert quote.price == pytest.approx(euros(new, 10, 150_000) * EURO, rel=0.07)
        assert not [text for text in quote.warnings if make in text or "odometer" in text]
    with open_registry(settings) as registry:
        assert registry.champion() is not None
    judgement = GateJudgement.load(work_folder(settings, INITIAL_MODEL.name).read() / "judgement.json")
    (invariants,) = (gate for gate in judgement.decision.gates if gate.name == "invariants")
    assert "a salvage title lowers prices (no listing states its title)" in invariants.message
