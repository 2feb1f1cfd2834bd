"""An uploaded file is read as people write it; each row gets a price or a reason, and keeps its columns."""

import json
from io import BytesIO

import httpx
import polars as pl
import pytest

from carvalue.web.client import PriceServiceClient, QuoteView
from carvalue.web.pages.many_cars import (
    MAX_ROWS,
    UnreadableFile,
    answer_names,
    listings_from_rows,
    price_all,
    read_table,
    with_answers,
)

CSV = (
    b'make,model,year,odometer,note\nford,f-150,2015,80k,mine\n,civic,2012,"90,000",\nhonda,civic,new,1.5,x\n'
)
QUOTE = {
    "price": 10_000,
    "low": 8_000,
    "high": 12_000,
    "model_version": "1",
    "data_as_of": "2021-05-04",
    "warnings": [],
    "quote_id": "q",
}


def test_cells_become_listings() -> None:
    assert listings_from_rows(read_table("cars.csv", CSV)) == [
        {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000},
        {"model": "civic", "year": 2012, "odometer": 90_000},
        {"manufacturer": "honda", "model": "civic", "year": "new", "odometer": 1.5},
    ]


def test_parquet_is_read_as_it_is() -> None:
    file = BytesIO()
    pl.DataFrame({"manufacturer": ["ford"], "year": [2015], "odometer": [None]}).write_parquet(file)

    assert listings_from_rows(read_table("cars.parquet", file.getvalue())) == [
        {"manufacturer": "ford", "year": 2015}
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cars.csv", b"", "cannot be read"),
        ("cars.csv", b"colour\nred\n", "no column 'manufacturer'; it has colour"),
        ("cars.parquet", b"PAR1 nonsense", "cannot be read"),
        ("cars.csv", b"\xff\xfe\x00manufacturer", "cannot be read|no column"),
        ("cars.csv", b"make\n" + b"ford\n" * (MAX_ROWS + 1), "at most 20,000"),
    ],
)
def test_a_file_that_is_not_a_table_of_cars_is_an_error(name: str, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        read_table(name, content)


def answer(request: httpx.Request) -> httpx.Response:
    """Price fords; refuse what has no make, and any list that holds such a car."""
    body = json.loads(request.content)
    cars = body if isinstance(body, list) else [body]
    if all("manufacturer" in car for car in cars):
        return httpx.Response(200, json=[QUOTE for _ in cars] if isinstance(body, list) else QUOTE)
    wrong = {"field": "manufacturer", "pointer": "", "came": "nothing", "expected": "who built the car"}
    return httpx.Response(422, json={"detail": "1 field", "errors": [wrong]})


def test_one_invalid_row_does_not_affect_others() -> None:
    service = PriceServiceClient("http://prices", transport=httpx.MockTransport(answer))

    answers = list(price_all(service, [{"manufacturer": "ford"}, {"year": 2012}, {"manufacturer": "honda"}]))

    assert [getattr(item, "price", item) for item in answers] == [
        10_000,
        "manufacturer: expected who built the car",
        10_000,
    ]


def test_columns_of_the_file_are_kept_beside_the_answers() -> None:
    table = pl.DataFrame({"make": ["ford", "bmw"], "manufacturer": ["Ford", "BMW"], "price": ["23000", "9"]})

    priced = with_answers(table, [QuoteView.model_validate(QUOTE), "year: expected a year"])

    assert priced.select(table.columns).equals(table)
    assert priced["carvalue_price"].to_list() == [10_000, None]
    assert priced["low"].to_list() == [8_000, None]
    assert priced["problem"].to_list() == ["", "year: expected a year"]


def test_a_priced_file_can_be_priced_again() -> None:
    once = answer_names(["make"])
    twice = answer_names(["make", *once.values()])
    thrice = answer_names(["make", *once.values(), *twice.values()])

    assert (once["price"], twice["price"], thrice["price"]) == ("price", "carvalue_price", "carvalue_price_2")


def test_column_names_are_compared_case_insensitively() -> None:
    assert answer_names(["Price ", "LOW"]) == {
        "price": "carvalue_price",
        "low": "carvalue_low",
        "high": "high",
        "warnings": "warnings",
        "problem": "problem",
    }


def test_a_file_with_both_names_of_the_make_is_read() -> None:
    table = read_table("cars.csv", b"make,manufacturer,year\nF.,ford,2015\n")

    assert table.columns == ["make", "manufacturer", "year"]
    assert listings_from_rows(table) == [{"manufacturer": "ford", "year": 2015}]
