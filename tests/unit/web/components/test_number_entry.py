"""Numbers are read as people type them, or not at all."""

import pytest

from carvalue.listings import parse_number
from carvalue.web.components import invalid_numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("80k", 80_000),
        ("80 K", 80_000),
        ("80.5k", 80_500),
        ("80k miles", 80_000),
        ("80,000", 80_000),
        ("80 000", 80_000),
        ("80\xa0000 mi", 80_000),
        (" 80000 ", 80_000),
        ("80000.0", 80_000),
        ("1,234,567", 1_234_567),
        ("$9,500", 9_500),
        ("0", 0),
        ("-5", -5),
        ("80,00", 80),
        ("12,5k", 12_500),
        ("1.234.567", 1_234_567),
        ("9.500,50", 9_500.5),
        ("12'500", 12_500),
        ("12,500 USD", 12_500),
        ("1.5", 1.5),
    ],
)
def test_a_number_is_read(text: str, number: float) -> None:
    assert parse_number(text) == number
    assert isinstance(parse_number(text), type(number))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "k",
        "80x",
        "80kk",
        "80.000",
        "$80.000",
        "80.000 miles",
        "8,0000",
        "8e4",
        "nan",
        "inf",
        "1_000",
        "9" * 5_000,
        "٣",
    ],
)
def test_a_text_that_is_not_a_number_is_not_read(text: str) -> None:
    assert parse_number(text) is None


def test_numbers_out_of_range_are_named_with_what_is_expected() -> None:
    listing = {"year": 2015.5, "odometer": "80x", "manufacturer": "ford"}

    assert invalid_numbers(listing) == {
        "year": "a whole number from 1985 to 2030",
        "odometer": "a whole number from 0 to 400000",
    }
    assert invalid_numbers({"year": 2030, "odometer": 400_001}).keys() == {"odometer"}
    assert invalid_numbers({"year": 1985, "odometer": 0}) == {}
