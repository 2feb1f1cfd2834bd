"""The sample has the columns and the errors of the Kaggle data set, and equal seeds give equal bytes."""

from pathlib import Path

import polars as pl
import pytest

from carvalue.listings.schema import FIELDS, RAW_COLUMNS, CategoryField
from carvalue.listings.synthetic import writer
from carvalue.listings.synthetic.writer import write_sample

ROWS = 30_000


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path)
    return pl.read_csv(path, infer_schema=False)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    write_sample(tmp_path / "one.csv", rows=2_000, seed=7)
    write_sample(tmp_path / "two.csv", rows=2_000, seed=7)
    write_sample(tmp_path / "other.csv", rows=2_000, seed=8)

    one, two, other = ((tmp_path / f"{name}.csv").read_bytes() for name in ("one", "two", "other"))
    assert one == two
    assert one != other


def test_a_failed_write_leaves_the_earlier_sample_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sample.csv"
    write_sample(path, rows=1_000)
    before = path.read_bytes()
    monkeypatch.setattr(writer, "_append", _fail)

    with pytest.raises(OSError, match="disk full"):
        write_sample(path, rows=1_000, seed=3)

    assert path.read_bytes() == before


def test_it_has_the_raw_columns_and_as_many_rows_as_asked(sample: pl.DataFrame) -> None:
    assert tuple(sample.columns) == RAW_COLUMNS
    assert len(sample) == ROWS


def test_ids_are_unique_and_grow_with_time(sample: pl.DataFrame) -> None:
    first_chunk = sample.head(writer.CHUNK_ROWS).with_columns(
        local=pl.col("posting_date").str.slice(0, 19), number=pl.col("id").cast(pl.Int64)
    )

    assert sample["id"].n_unique() == ROWS
    assert first_chunk.sort("number")["local"].is_sorted()


@pytest.mark.parametrize(
    ("column", "share"),
    [
        ("year", 0.003),
        ("manufacturer", 0.048),
        ("model", 0.012),
        ("condition", 0.414),
        ("cylinders", 0.42),
        ("fuel", 0.008),
        ("odometer", 0.012),
        ("title_status", 0.02),
        ("transmission", 0.007),
        ("drive", 0.307),
        ("type", 0.215),
        ("paint_color", 0.304),
        ("VIN", 0.38),
        ("lat", 0.016),
        ("county", 1.0),
    ],
)
def test_fields_are_empty_as_often_as_in_the_original(
    sample: pl.DataFrame, column: str, share: float
) -> None:
    empty = sample[column].null_count() / ROWS

    assert empty == pytest.approx(share, abs=0.004 + share * 0.08)


def test_prices_are_as_dirty_as_in_the_original(sample: pl.DataFrame) -> None:
    price = sample["price"].cast(pl.Int64)

    assert 0.06 < price.eq(0).mean() < 0.085
    assert 0.015 < price.is_between(1, 999).mean() < 0.05
    assert 0.0005 < price.gt(100_000).mean() < 0.004
    assert price.max() > 1_000_000_000


def test_odometers_and_years_have_typing_errors(sample: pl.DataFrame) -> None:
    odometer, year = (sample[name].cast(pl.Float64) for name in ("odometer", "year"))

    assert odometer.max() == 10_000_000
    assert odometer.le(1).mean() > 0.005
    assert year.min() == 1900
    assert year.max() == 2022


def test_many_rows_offer_a_car_that_another_row_offers_too(sample: pl.DataFrame) -> None:
    named = sample.drop_nulls("VIN")

    again = 1 - named["VIN"].n_unique() / len(named)

    assert again == pytest.approx(0.44, abs=0.03)
    assert named.group_by("VIN").agg(pl.col("region").n_unique())["region"].max() > 5
    assert named.group_by("VIN").agg(pl.col("model", "year").n_unique()).select("model", "year").max().row(
        0
    ) == (1, 1)


def test_models_come_in_many_spellings(sample: pl.DataFrame) -> None:
    models = set(sample["model"].drop_nulls())
    unnamed = sample.filter(
        pl.col("manufacturer").is_null(), pl.col("model").str.contains("(?i)^ford f.?150")
    )

    assert len(models) > 4_000
    assert {"f-150", "f150", "camry", "camry le", "911"} <= models
    assert len(unnamed) > 0


def test_categories_are_those_of_the_schema(sample: pl.DataFrame) -> None:
    closed = [field for field in FIELDS if isinstance(field, CategoryField) and field.choices]

    unknown = {field.name: set(sample[field.name].drop_nulls()) - set(field.choices) for field in closed}

    assert not {name: words for name, words in unknown.items() if words}


def test_dearer_cars_cost_more_and_miles_cost_money(sample: pl.DataFrame) -> None:
    seen = sample.with_columns(pl.col("price", "odometer", "year").cast(pl.Float64)).filter(
        pl.col("price").is_between(1_000, 200_000), pl.col("year").is_between(2012, 2018)
    )
    medians = {
        name: seen.filter(pl.col("model").str.contains(name))["price"].median()
        for name in ("^911", "^f-?150", "^camry")
    }
    few, many = (
        seen.filter(pl.col("odometer").is_between(*miles))["price"].median()
        for miles in ((5_000, 50_000), (120_000, 200_000))
    )

    assert medians["^911"] > 1.5 * medians["^f-?150"] > 1.5 * medians["^camry"]
    assert few > 1.3 * many


def test_descriptions_are_as_long_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"

    write_sample(path, rows=1_000, description_bytes=2_700)

    lengths = pl.read_csv(path, infer_schema=False)["description"].str.len_bytes()
    assert lengths.mean() == pytest.approx(2_700, rel=0.15)
    assert lengths.null_count() < 10


def _fail(*_: object, **__: object) -> None:
    raise OSError("disk full")
