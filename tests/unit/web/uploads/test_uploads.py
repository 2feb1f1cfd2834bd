"""An uploaded file is read as people write it; each row gets a price or a reason, and keeps its columns."""

import json
from io import BytesIO

import httpx
import openpyxl
import polars as pl
import pytest

from answers import a_problem, a_quote, a_quote_json
from carvalue.client import PriceServiceClient
from carvalue.web.uploads import (
    PROBLEM,
    PricingJob,
    UnreadableFile,
    answer_names,
    asking_prices,
    guess_mapping,
    listings_from_rows,
    read_table,
    with_answers,
)
from carvalue.web.uploads.jobs import price_all

CSV = (
    b'make,model,year,odometer,note\nford,f-150,2015,80k,mine\n,civic,2012,"90,000",\nhonda,civic,new,1.5,x\n'
)
QUOTE = a_quote_json(price=10_000, low=8_000, high=12_000)


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
        ("cars.csv", b"", "has no rows"),
        ("cars.csv", b"make,model\n", "has no rows"),
        ("cars.parquet", b"PAR1 nonsense", "cannot be read"),
        ("cars.xlsx", b"PK nonsense", "cannot be read"),
        ("cars.csv", b"\x89PNG\x00\x01\x02\x03" + bytes(range(256)), "cannot be read"),
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
    return httpx.Response(422, json=a_problem(detail="1 field", errors=[wrong]))


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

    priced = with_answers(table, [a_quote(**QUOTE), "year: expected a year"])

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
        "difference": "difference",
        "rating": "rating",
        "problem": "problem",
        "quote_id": "quote_id",
    }


def test_a_file_with_both_names_of_the_make_is_read() -> None:
    table = read_table("cars.csv", b"make,manufacturer,year\nF.,ford,2015\n")

    assert table.columns == ["make", "manufacturer", "year"]
    assert listings_from_rows(table) == [{"manufacturer": "ford", "year": 2015}]


@pytest.mark.parametrize(
    "content",
    [
        "Make;Model;Model Year;Mileage\nCitro\u00ebn;C4;2015;80.5k\n".encode("latin-1"),
        "Make\tModel\tModel Year\tMileage\nCitro\u00ebn\tC4\t2015\t80.5k\n".encode("utf-16"),
        "Make|Model|Model Year|Mileage\nCitro\u00ebn|C4|2015|80.5k\n".encode("utf-16-le"),
        "\ufeffMake,Model,Model Year,Mileage\nCitro\u00ebn,C4,2015,80.5k\n".encode(),
    ],
)
def test_any_delimiter_and_encoding_is_read(content: bytes) -> None:
    assert listings_from_rows(read_table("cars.csv", content)) == [
        {"manufacturer": "Citro\u00ebn", "model": "C4", "year": 2015, "odometer": 80_500}
    ]


def test_excel_is_read() -> None:
    book, file = openpyxl.Workbook(), BytesIO()
    book.active.append(["Make", "Model", "Year", "Price"])
    book.active.append(["ford", "f-150", 2015, 23_500])
    book.save(file)

    table = read_table("cars.xlsx", file.getvalue())

    assert listings_from_rows(table) == [{"manufacturer": "ford", "model": "f-150", "year": 2015}]
    assert asking_prices(table, guess_mapping(table.columns)) == [23_500]


def test_a_ragged_row_affects_only_itself() -> None:
    table = read_table("cars.csv", b"make,model,year\nford,focus,2015\nford,focus\nford,focus,2016,x\n")

    assert table[PROBLEM].to_list() == [
        "",
        "the row has 2 cells, the header 3",
        "the row has 4 cells, the header 3",
    ]


def test_columns_of_one_name_are_both_kept() -> None:
    assert read_table("cars.csv", b"make,note,note,\nford,a,b,c\n").columns == [
        "make",
        "note",
        "note_2",
        "column 4",
    ]


def test_a_vin_fills_what_the_row_does_not_tell() -> None:
    table = read_table("cars.csv", b"VIN,miles,condition\n1HGCM82633A004352,90k,superb\n")

    (listing,) = listings_from_rows(table)

    assert (listing["manufacturer"], listing["year"], listing["odometer"]) == ("honda", 2003, 90_000)
    assert "condition" not in listing


def test_own_prices_are_rated() -> None:
    table = pl.DataFrame({"make": ["ford", "ford"], "price": ["11,900", ""]})

    priced = with_answers(table, [a_quote(**QUOTE)] * 2, [11_900, None])

    assert priced["difference"].to_list() == [1_900, None]
    assert priced["rating"].to_list() == ["Overpriced", ""]
    assert priced["quote_id"].to_list() == [QUOTE["quote_id"]] * 2


def test_a_job_keeps_what_is_priced_when_the_service_fails_and_continues() -> None:
    state = {"down": True}

    def service(request: httpx.Request) -> httpx.Response:
        cars = json.loads(request.content)
        if state["down"] and len(cars) == 6:
            return httpx.Response(503, json=a_problem(detail="restarting"))
        return httpx.Response(200, json=[QUOTE for _ in cars])

    client = PriceServiceClient("http://prices", transport=httpx.MockTransport(service))
    known = ["", "the row has 2 cells, the header 3", *[""] * 204]
    job = PricingJob(client, [{"manufacturer": "ford"}] * 206, known)
    job.wait(60)
    assert "restarting" in job.failure
    state["down"] = False

    job.resume()
    job.wait(60)

    assert job.is_done
    assert [place for place, item in enumerate(job.answers) if isinstance(item, str)] == [1]
