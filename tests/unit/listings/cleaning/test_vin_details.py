"""VINs fill what sellers left out where they agree with the listing; what a seller wrote stays."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import ultravin

from carvalue.listings import recognition
from carvalue.listings.cleaning import CleaningReport, clean
from carvalue.listings.cleaning import vin_details as module
from carvalue.pricing import CarPriceRegressor
from factories import a_raw_row, write_raw

ACCORD = "1HGCR2F3XFA027534"
"""An Accord LX of 2015 with four cylinders and petrol."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CARS = 900


def cleaned(folder: Path, *rows: dict[str, str]) -> CleaningReport:
    folder.mkdir(exist_ok=True)
    return clean(write_raw(folder / "vehicles.csv", rows), into=folder / "clean", now=NOW)


def honda(**columns: object) -> dict[str, str]:
    unknown = {"cylinders": "", "fuel": "", "drive": "", "type": "", "transmission": ""}
    car = {"manufacturer": "honda", "model": "accord", "year": 2015, "VIN": ACCORD}
    return a_raw_row(**unknown | car | columns)


def listing(folder: Path, **columns: object) -> dict[str, object]:
    return pl.read_parquet(cleaned(folder, honda(**columns)).listings).row(0, named=True)


def test_missing_fields_and_the_trim_come_from_the_vin(tmp_path: Path) -> None:
    report = cleaned(tmp_path, honda())

    found = pl.read_parquet(report.listings).row(0, named=True)
    assert (found["model"], found["cylinders"]) == ("accord lx", "4 cylinders")
    assert (found["fuel"], found["type"]) == ("gas", "sedan")
    assert report.filled == {"model": 1, "cylinders": 1, "fuel": 1, "type": 1}


def test_what_the_seller_wrote_stays(tmp_path: Path) -> None:
    found = listing(tmp_path, model="accord LX 2.4", fuel="hybrid", type="coupe")

    assert (found["model"], found["fuel"], found["type"]) == ("accord lx 2.4", "hybrid", "coupe")


@pytest.mark.parametrize(
    "columns",
    [
        {"VIN": ""},
        {"VIN": "ask for it"},
        {"VIN": "1HGCR2F3XFA027543"},  # two digits exchanged
        {"year": 2014},
        {"model": "civic"},
        {"manufacturer": "toyota"},
    ],
)
def test_a_vin_that_does_not_fit_the_listing_is_not_used(tmp_path: Path, columns: dict[str, object]) -> None:
    found = listing(tmp_path, **columns)

    assert found["cylinders"] is found["fuel"] is None
    assert found["model"] == columns.get("model", "accord")


@pytest.mark.parametrize(
    ("written", "decoded"),
    [("x1 sdrive", "x1"), ("f150 xlt", "f-150"), ("silverado", "silverado 1500")],
)
def test_a_vin_is_used_if_one_name_of_the_model_begins_with_the_other(written: str, decoded: str) -> None:
    assert with_details(model=written, **{"vin.model": decoded})["fuel"] == "diesel"


@pytest.mark.parametrize(
    ("written", "decoded"), [("x5", "x1"), ("a4", "a6"), ("328i", "3 series"), ("-", "x1")]
)
def test_a_vin_of_another_model_is_not_used(written: str, decoded: str) -> None:
    assert with_details(model=written, **{"vin.model": decoded})["fuel"] is None


def test_missing_words_of_the_trim_keep_their_order() -> None:
    found = with_details(model="x1 line", **{"vin.model": "x1", "vin.trim": "sport line touring edition"})

    assert found["model"] == "x1 line sport touring edition"


def with_details(*, model: str, **details: str) -> dict[str, object]:
    """Return a listing after details of its VIN were added, which says that it burns diesel."""
    car = {"descriptor": "A", "manufacturer": "bmw", "model": model, "year": 2015}
    listings = pl.LazyFrame(
        [car | dict.fromkeys(module.FILLED)], schema_overrides=dict.fromkeys(module.FILLED, pl.String)
    )
    decoded = {f"vin.{name}": None for name in module.DETAILS} | {"vin.fuel": "diesel", "vin.trim": None}
    decoded |= {"descriptor": "A", "vin.manufacturer": "bmw", "vin.year": 2015} | details
    columns = ("descriptor", *(f"vin.{name}" for name in (*module.COMPARED, *module.DETAILS)))
    frame = pl.DataFrame(
        [{name: decoded[name] for name in columns}],
        schema_overrides={name: pl.String for name in columns if name != "vin.year"},
    )
    return module.add_vin_details(listings, frame).collect().row(0, named=True)


def test_a_descriptor_of_several_trims_adds_none() -> None:
    several = next(
        vin
        for vin in ultravin.generate(500, make="HONDA", min_year=2005, max_year=2015, vehicle_type=2)
        if "," in (ultravin.decode(vin)["attributes"].get("Trim") or "")
    )

    descriptor = several[:8] + several[9:11]

    assert recognition.decode_descriptors([descriptor])[descriptor]["trim"] is None


def test_without_the_decoder_the_listing_stays_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(_: object) -> dict[str, object]:
        raise recognition.VinDecoderMissing("This installation cannot decode a VIN.")

    monkeypatch.setattr(module, "decode_descriptors", missing)
    with caplog.at_level(logging.INFO):
        found = listing(tmp_path)

    assert found["cylinders"] is None
    assert "VINs are not used" in caplog.text


def test_other_markets_do_not_use_vins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KNOWS_VINS", False)

    assert module.read_vin_details(pl.Series(["1HGCR2F3FA"])).is_empty()


def test_prices_that_depend_on_what_only_the_vin_tells_are_learned(tmp_path: Path) -> None:
    rows = market_of_vins()

    with_vins = error_of_model(cleaned(tmp_path / "with", *rows))
    without = error_of_model(cleaned(tmp_path / "without", *({**row, "VIN": ""} for row in rows)))

    assert with_vins < 0.8 * without


def market_of_vins() -> list[dict[str, str]]:
    """Make Hondas whose prices depend on cylinders and trim, which their sellers do not mention."""
    random, rows = np.random.default_rng(3), []
    vins = ultravin.generate(3 * CARS, make="HONDA", min_year=2008, max_year=2016, vehicle_type=2)
    for number, vin in enumerate(vins):
        details = recognition.decode_descriptors([vin[:8] + vin[9:11]]).get(vin[:8] + vin[9:11])
        if not details or details["trim"] not in {"lx", "ex", "sport", "ex-l"}:
            continue
        factor = {"lx": 0.8, "ex": 1.0, "sport": 1.1, "ex-l": 1.3}[str(details["trim"])]
        factor *= 1.25 if details.get("cylinders") == "6 cylinders" else 1
        price = 900 * (int(str(details["year"])) - 2000) * factor * random.normal(1, 0.03)
        car = {"model": details["model"], "year": details["year"], "VIN": vin, "id": number}
        rows.append(honda(**car, price=round(price), odometer=int(random.integers(20_000, 90_000))))
    return rows[:CARS]


def error_of_model(report: CleaningReport) -> float:
    cars = pl.read_parquet(report.listings).sample(fraction=1, shuffle=True, seed=1)
    train, test = cars[: len(cars) // 2], cars[len(cars) // 2 :]
    model = CarPriceRegressor(n_estimators=40, max_leaves=15, learning_rate=0.2, refit=False)
    predicted = model.fit(train.drop("price"), train["price"]).predict(test.drop("price"))
    return float(np.median(np.abs(predicted / test["price"].to_numpy() - 1)))
