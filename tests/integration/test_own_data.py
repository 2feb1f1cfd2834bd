"""The mapping in docs/how-to/map-columns.md, word for word, from a file to a model that prices its cars."""

import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from carvalue.listings.datasets.store import DatasetStore
from carvalue.pipelines.definitions import CREATES_DATASETS, INITIAL_MODEL
from carvalue.pipelines.runner import run_pipeline
from carvalue.pipelines.steps import train, tune, work_folder
from carvalue.pricing.model import PriceModel
from carvalue.settings import Settings

# MLflow's own code and those it imports warn of each other
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning")

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "map-columns.md"
CARS = {("VW", "Golf VII"): 28_000, ("Opel", "Astra K"): 22_000, ("Mercedes-Benz", "C 220 d"): 46_000}
EURO, KM = 1.09, 0.621371
ROWS = 3_000


def euros(new: int, age: float, km: float) -> float:
    return new * 0.9**age * float(np.exp(-km / 400_000))


def a_german_file(path: Path) -> Path:
    random = np.random.default_rng(1)
    lines = ["marke;modell;baujahr;kilometerstand;kraftstoff;getriebe;preis_eur;inseriert;notiz"]
    for number in range(ROWS):
        (make, model), new = list(CARS.items())[random.integers(len(CARS))]
        year, posted = int(random.integers(2010, 2024)), date(2024, 1, 1) + timedelta(days=number // 40)
        km = int(random.integers(5_000, 20_000) * (2024.5 - year))
        price = euros(new, 2024 - year, km) * random.lognormal(0, 0.05)
        fuel = random.choice(["Benzin", "DIESEL", "Wasserstoff"], p=[0.6, 0.39, 0.01])
        lines.append(f"{make};{model};{year};{km};{fuel};Automatik;{price:.0f};{posted:%d.%m.%Y};x")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    described = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert described
    (tmp_path / "autos.toml").write_text(described[1], encoding="utf-8")
    return Settings(
        dataset=str(tmp_path / "autos.toml"),
        data_source=str(a_german_file(tmp_path / "autos.csv")),
        state_dir=tmp_path / "var",
        training_budget="quick",
        mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
    )


def test_a_described_file_becomes_datasets_and_a_model_that_prices_its_cars(settings: Settings) -> None:
    run_pipeline(CREATES_DATASETS, settings, say=lambda _: None)
    for step in (tune, train):
        step(settings=settings, work=work_folder(settings, INITIAL_MODEL.name))

    manifest = DatasetStore(settings.storage_root / "datasets").manifest()
    model = PriceModel.load(work_folder(settings, INITIAL_MODEL.name) / "bundle")
    assert manifest.source_description == "autos.example, used cars in Germany: file autos.csv"
    assert manifest.rows_kept > 0.95 * ROWS
    for (make, name), new in CARS.items():
        make = make.lower().replace("vw", "volkswagen")
        listing = {"manufacturer": make, "model": name.lower(), "year": 2014, "odometer": round(150_000 * KM)}
        quote = model.quote(listing | {"fuel": "gas", "transmission": "automatic"})
        assert quote.price == pytest.approx(euros(new, 10, 150_000) * EURO, rel=0.07)
        assert not [text for text in quote.warnings if make in text or "odometer" in text]
