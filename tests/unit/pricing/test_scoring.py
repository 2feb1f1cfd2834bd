"""Raw rows in, quotes out: the same as one by one, and a reason where there is none."""

import polars as pl
import pytest

from carvalue.listings.schema import FIELDS
from carvalue.pricing.model import PriceModel
from carvalue.pricing.scoring import LISTING_COLUMNS, SCORED_SCHEMA, score
from factories import a_raw_row
from markets import a_market


def rows_of(*rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame([{name: row[name] for name in LISTING_COLUMNS} for row in rows])


@pytest.mark.parametrize("count", [1, 3, 500])
def test_a_price_is_the_quote_of_the_same_listing(model: PriceModel, count: int) -> None:
    listings = a_market(rows=count, seed=7).select(field.name for field in FIELDS)
    texts = listings.select(pl.all().cast(pl.String))

    scored = score(texts, model=model)

    quotes = [model.quote(listing) for listing in listings.iter_rows(named=True)]
    assert scored.rows() == [
        (
            quote.price,
            quote.low,
            quote.high,
            quote.support and quote.support.grade,
            list(quote.warnings),
            None,
        )
        for quote in quotes
    ]
    assert scored.schema == SCORED_SCHEMA


def test_texts_are_read_as_cleaning_reads_them(model: PriceModel) -> None:
    row = a_raw_row(
        manufacturer=" Toyota ", model="Camry  LE", year=" 2014.0", odometer="81234", type="SEDAN"
    )

    price = score(rows_of(row), model=model)["price"].item()

    listing = {name: row[name] or None for name in LISTING_COLUMNS}
    listing |= {
        "manufacturer": "toyota",
        "model": "camry le",
        "year": 2014,
        "odometer": 81234,
        "type": "sedan",
    }
    assert price == model.quote(listing).price  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"year": ""}, "year missing"),
        ({"year": "  "}, "year missing"),
        ({"year": "1970.0"}, "year 1970: expected 1985-2030"),
        ({"year": "2012.5"}, "year 2012.5: expected a whole number"),
        ({"year": "nan"}, "year nan: expected a whole number"),
        ({"year": "1e300"}, "year 1e300: expected a whole number"),
        ({"odometer": "-1"}, "odometer -1: expected 0-400000"),
        ({"odometer": "900k"}, "odometer 900000: expected 0-400000"),
        ({"year": "9" * 400}, f"year {'9' * 40}: expected a whole number"),
        ({"year": "", "odometer": "-5"}, "year missing; odometer -5: expected 0-400000"),
    ],
)
def test_a_row_without_a_price_has_a_reason(model: PriceModel, changes: dict[str, str], reason: str) -> None:
    scored = score(rows_of(a_raw_row(), a_raw_row(**changes), a_raw_row()), model=model)

    assert scored.row(1) == (None, None, None, None, [], reason)
    assert scored["price"].null_count() == 1
    assert scored["price"][0] == scored["price"][2]


def test_an_unknown_category_is_missing_with_a_warning(model: PriceModel) -> None:
    odd, without = a_raw_row(condition="superb"), a_raw_row(condition="")

    scored = score(rows_of(odd, without), model=model)

    assert scored["price"][0] == scored["price"][1]
    assert "condition 'superb' is not known: taken as missing" in scored["warnings"][0].to_list()


@pytest.mark.parametrize("typed", ["98,000", "98k", "98 000 miles", " 98000.0 ", "98.0k"])
def test_a_number_is_read_as_people_type_it(model: PriceModel, typed: str) -> None:
    scored = score(rows_of(a_raw_row(odometer="98000"), a_raw_row(odometer=typed)), model=model)

    assert scored.row(0) == scored.row(1)


def test_an_unreadable_odometer_is_missing_and_named(model: PriceModel) -> None:
    scored = score(rows_of(a_raw_row(odometer=""), a_raw_row(odometer="TMU")), model=model)

    assert scored["price"][0] == scored["price"][1]
    assert "odometer 'TMU' is no whole number: taken as missing" in scored["warnings"][1].to_list()


def test_a_missing_odometer_is_priced_with_a_warning(model: PriceModel) -> None:
    scored = score(rows_of(a_raw_row(odometer="")), model=model)

    assert scored["price"].item() > 0
    assert "odometer is missing: a usual mileage is assumed" in scored["warnings"][0].to_list()


def test_columns_that_are_not_there_count_as_missing(model: PriceModel) -> None:
    rows = pl.DataFrame({"model": ["toyota camry"], "year": ["2014"]})

    assert (
        score(rows, model=model)["price"].item() == model.quote({"model": "toyota camry", "year": 2014}).price
    )


def test_an_empty_table_is_not_an_error(model: PriceModel) -> None:
    none = score(rows_of(a_raw_row()).clear(), model=model)
    unsound = score(rows_of(a_raw_row(year="?"), a_raw_row(year="")), model=model)

    assert none.schema == SCORED_SCHEMA
    assert none.is_empty()
    assert unsound["price"].to_list() == [None, None]
