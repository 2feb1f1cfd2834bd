"""The text of an advertisement fills a listing; what it does not say clearly is left out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.listings import FIELD_BY_NAME, CategoryField
from carvalue.listings.recognition import Advertisement, read_advertisement

MODELS = {
    "ford": ("f-150", "focus", "mustang"),
    "honda": ("civic", "cr-v"),
    "chevrolet": ("silverado 1500", "silverado"),
    "jeep": ("grand cherokee", "cherokee"),
}


def models_of(make: str) -> Sequence[str]:
    return MODELS[make]


def read(text: str) -> Advertisement:
    return read_advertisement(text, makes=tuple(MODELS), models_of=models_of)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "2015 Ford F-150 XLT - $23,500 (Austin, TX) 80k miles, clean title, 4x4, V8, excellent condition",
            {
                "manufacturer": "ford",
                "model": "f-150 xlt",
                "year": 2015,
                "odometer": 80_000,
                "state": "tx",
                "title_status": "clean",
                "drive": "4wd",
                "cylinders": "8 cylinders",
                "condition": "excellent",
            },
        ),
        (
            "2015 ford f-150 xlt 80000 miles",
            {"manufacturer": "ford", "model": "f-150 xlt", "year": 2015, "odometer": 80_000},
        ),
        (
            "For sale: my HONDA Civic (2012). Odometer: 110,250. Runs great, manual, gray.",
            {
                "manufacturer": "honda",
                "model": "civic",
                "year": 2012,
                "odometer": 110_250,
                "transmission": "manual",
                "paint_color": "grey",
            },
        ),
        (
            "Chevy Silverado 1500 LT, 2018, diesel, salvage title, 45k",
            {
                "manufacturer": "chevrolet",
                "model": "silverado 1500 lt",
                "year": 2018,
                "odometer": 45_000,
                "fuel": "diesel",
                "title_status": "salvage",
            },
        ),
        (
            "1998 Jeep Grand Cherokee Laredo 4wd 6 cyl",
            {
                "manufacturer": "jeep",
                "model": "grand cherokee laredo",
                "year": 1998,
                "drive": "4wd",
                "cylinders": "6 cylinders",
            },
        ),
        ("I sell my old bicycle, call 512-555-1234", {}),
        ("", {}),
    ],
)
def test_the_fields_that_a_text_names_are_read(text: str, expected: dict[str, object]) -> None:
    assert read(text).listing == expected


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        ("Honda Civic 2012 $9,500", 9_500),
        ("Honda Civic 2012 $9.5k", 9_500),
        ("Honda Civic asking 9500", 9_500),
        ("Honda Civic 2012, 80k miles", None),
    ],
)
def test_the_asking_price_is_read(text: str, asking: int | None) -> None:
    assert read(text).asking == asking


def test_a_vin_is_found() -> None:
    assert read("vin 1hgcm82633a004352 clean").vin == "1HGCM82633A004352"


@given(st.text(max_size=300))
def test_any_text_gives_values_that_the_service_accepts(text: str) -> None:
    for name, value in read(f"ford focus {text}").listing.items():
        field = FIELD_BY_NAME[name]
        if isinstance(field, CategoryField):
            assert field.is_open or value in field.choices
        else:
            assert isinstance(value, int)
            assert field.minimum <= value <= field.maximum
