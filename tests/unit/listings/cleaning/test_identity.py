"""Re-posts of a car are linked, and similar cars are not."""

from pathlib import Path

import polars as pl
import pytest

from carvalue.listings.cleaning.cleaner import clean
from factories import a_raw_row, write_raw

VIN = "4T1BF1FK5EU123456"


def cars(folder: Path, *rows: dict[str, object]) -> list[int]:
    """Number the cars of the rows, by first appearance."""
    raw = write_raw(folder / "vehicles.csv", [a_raw_row(id=i, **row) for i, row in enumerate(rows)])
    keys = pl.read_parquet(clean(raw, into=folder / "clean").listings).sort("id")["car"].to_list()
    return [keys.index(key) for key in keys]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"price": 14_000}),
        ({}, {"region": "dallas", "state": "ok"}),
        ({}, {"paint_color": "", "condition": "fair"}),
        ({"model": "f-150 xlt"}, {"model": "f150 supercrew"}),
        ({"odometer": 100_000}, {"odometer": 100_000, "price": 12_000, "region": "dallas"}),
        ({"odometer": ""}, {"odometer": "", "region": "dallas"}),
    ],
)
def test_a_car_posted_again_keeps_its_key(
    tmp_path: Path, first: dict[str, object], second: dict[str, object]
) -> None:
    assert cars(tmp_path, first, second) == [0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"odometer": 81_235}),
        ({}, {"year": 2015}),
        ({}, {"manufacturer": "honda"}),
        ({}, {"model": "corolla"}),
        ({"odometer": 100_000}, {"odometer": 100_000, "paint_color": "red"}),
        ({"odometer": 100_000}, {"odometer": 100_000, "model": "camry xse"}),
        ({"odometer": ""}, {"odometer": "", "price": 14_000}),
        ({"odometer": 5}, {"odometer": 5, "price": 14_000}),
        ({"model": ""}, {"model": "", "paint_color": "red"}),
    ],
)
def test_another_car_has_another_key(
    tmp_path: Path, first: dict[str, object], second: dict[str, object]
) -> None:
    assert cars(tmp_path, first, second) == [0, 1]


def test_the_vin_joins_what_the_description_does_not(tmp_path: Path) -> None:
    assert cars(tmp_path, {"VIN": VIN}, {"VIN": VIN.lower(), "odometer": 82_000}) == [0, 0]


def test_a_post_without_the_vin_joins_two_with_it(tmp_path: Path) -> None:
    first, bridge, last = {"VIN": VIN}, {"price": 14_000}, {"VIN": VIN, "odometer": 90_123}

    assert cars(tmp_path, first, last, bridge) == [0, 0, 0]


@pytest.mark.parametrize("placeholder", ["0", "none", "1" * 17, "VINVINVINVINVIN00"])
def test_a_placeholder_is_no_vin(tmp_path: Path, placeholder: str) -> None:
    assert cars(tmp_path, {"VIN": placeholder}, {"VIN": placeholder, "odometer": 90_123}) == [0, 1]


def test_a_vin_shared_by_different_cars_is_ignored(tmp_path: Path) -> None:
    assert cars(tmp_path, {"VIN": VIN}, {"VIN": VIN, "year": 2019, "odometer": 90_123}) == [0, 1]
