"""Column mappings: invalid ones are refused, and valid ones translate a file to the raw columns."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from carvalue.listings.schema import RAW_COLUMNS
from carvalue.listings.sources.column_mapping import ColumnMapping, MappingInvalid, read_column_mapping
from carvalue.listings.sources.fetch import KaggleRequest, SampleRequest, fetch_listings
from carvalue.listings.sources.raw import NotUtf8
from carvalue.listings.sources.translation import MappingMismatch, apply_mapping

COLUMNS = {"price": "cost", "posting_date": "seen", "manufacturer": "maker", "model": "kind", "year": "built"}


def a_form(**changes: Any) -> ColumnMapping:
    return ColumnMapping.model_validate(
        {"name": "another", "date_format": "%d.%m.%Y", "columns": COLUMNS} | changes
    )


def translated(folder: Path, text: str, form: ColumnMapping) -> list[dict[str, Any]]:
    (folder / "other.csv").write_text(text, encoding="utf-8")
    path = apply_mapping(folder / "other.csv", mapping=form, into=folder / "ours.csv")
    return pl.read_csv(path, infer_schema=False).to_dicts()


def test_columns_dates_units_and_categories_are_translated(tmp_path: Path) -> None:
    form = a_form(
        columns=COLUMNS | {"odometer": "km", "fuel": "drives on"},
        units={"odometer": "km", "price": 2},
        words={"fuel": {"Petrol": "gas"}},
    )
    text = "kind,cost,maker,built,seen,km,drives on\n Golf ,5000,VW,2012,03.05.2021,100500,PETROL\n"

    (row,) = translated(tmp_path, text, form)

    assert tuple(row) == RAW_COLUMNS
    told = {name: value for name, value in row.items() if value}
    assert told == {
        "id": "1", "price": "10000.0", "year": "2012.0", "manufacturer": "VW", "model": "Golf",
        "fuel": "gas", "odometer": "62448.0", "posting_date": "2021-05-03T00:00:00+0000",
    }  # fmt: skip


def test_rounded_kilometres_stay_rounded_and_decimal_commas_are_read(tmp_path: Path) -> None:
    form = a_form(decimal=",", columns=COLUMNS | {"odometer": "km"}, units={"odometer": "km"})
    text = "kind;cost;maker;built;seen;km\nGolf;12.500,50 $;VW;2012;03.05.2021;100.000\n"

    (row,) = translated(tmp_path, text, form.model_copy(update={"separator": ";"}))

    assert (row["price"], row["odometer"]) == ("12500.5", "62000.0")


@pytest.mark.parametrize(("price", "reading"), [("7.050 €", "113.103 km"), ("EUR 7.050", "113.103")])
def test_a_unit_beside_a_converted_number_is_left_out(tmp_path: Path, price: str, reading: str) -> None:
    units = {"odometer": "km", "price": 2}
    form = a_form(decimal=",", separator=";", columns=COLUMNS | {"odometer": "km"}, units=units)
    text = f"kind;cost;maker;built;seen;km\nVito;{price};Ford;2012;03.05.2021;{reading}\n"

    (row,) = translated(tmp_path, text, form)

    assert (row["price"], row["odometer"]) == ("14100.0", "70279.0")


def test_a_foreign_currency_without_a_conversion_is_no_price(tmp_path: Path) -> None:
    text = "kind,cost,maker,built,seen\nVito,7050 €,Ford,2012,03.05.2021\n"

    (row,) = translated(tmp_path, text, a_form())

    assert row["price"] == "7050 €"


def test_untranslatable_values_are_left_for_cleaning_to_reject(tmp_path: Path) -> None:
    form = a_form(columns=COLUMNS | {"id": "number"}, units={"price": 2})

    (row,) = translated(tmp_path, "kind,cost,maker,built,seen,number\nGolf,call me,VW,2012,May,A-7\n", form)

    assert (row["id"], row["price"], row["posting_date"]) == ("A-7", "call me", "May")


def test_a_file_that_does_not_match_the_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingMismatch, match="lacks cost, seen"):
        translated(tmp_path, "kind,maker,built\n1,2,3\n", a_form())


def test_another_encoding_is_refused_as_in_any_file(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_bytes("kind,cost,maker,built,seen\nCitroën,1,2,3,4\n".encode("latin-1"))

    with pytest.raises(NotUtf8):
        fetch_listings(
            source=str(tmp_path / "other.csv"),
            into=tmp_path / "raw",
            kaggle=KaggleRequest(dataset="owner/name"),
            sample=SampleRequest(),
            mapping=a_form(),
        )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "cannot be read"),
        ('name = "x"', "columns: Field required"),
        ('name = "x"\nspeed = 1\n[columns]\nprice = "p"', "speed: Extra"),
        ('name = "x"\n[columns]\nprice = "p"\npower = "kW"', "columns: power: expected"),
        ('name = "x"\n[columns]\nprice = "p"', "posting_date, manufacturer, model, year missing"),
        ("{sound}\n[units]\nfuel = 2", "units: fuel: expected price, year, odometer"),
        ('{sound}\n[units]\nodometer = "leagues"', "units.odometer"),
        ('{sound}\n[words.fuel]\nPetrol = "petrol"', "fuel is never petrol: expected gas"),
        ('{sound}\n[words.price]\nten = "10"', "price is not a categorical field"),
    ],
)
def test_an_invalid_mapping_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    sound = 'name = "x"\n[columns]\n' + "\n".join(f'{ours} = "{theirs}"' for ours, theirs in COLUMNS.items())
    (tmp_path / "form.toml").write_text(text.replace("{sound}", sound))

    with pytest.raises(MappingInvalid, match=complaint) as caught:
        read_column_mapping(tmp_path / "form.toml")
    assert "map-columns.md" in str(caught.value)
