"""The program that counts a data set for the documentation."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from benchmarks.data import bound_detection, count_contradictions, count_odometers


@pytest.fixture
def listings() -> pl.LazyFrame:
    """Two advertisements of car 1 in two regions, with other colors and prices, and one of car 2."""
    start = datetime(2021, 4, 4, tzinfo=UTC)
    return pl.LazyFrame(
        {
            "car": [1, 1, 2, 3],
            "posted_at": [start + timedelta(days=day) for day in range(4)],
            "price": [10_000, 14_000, 5_000, 6_000],
            "region": ["auburn", "boise", "auburn", "auburn"],
            "paint_color": ["red", "blue", None, "red"],
            "odometer": [61_234, None, 50_000, None],
            "fuel": ["gas", "gas", "electric", None],
        }
    )


def test_advertisements_of_one_car_that_contradict_each_other_are_counted(listings: pl.LazyFrame) -> None:
    assert count_contradictions(listings) == {
        "most regions": 2,
        "colors differ": 1.0,
        "prices differ by 30 %": 1.0,
    }


def test_odometers_are_counted_by_precision(listings: pl.LazyFrame) -> None:
    assert [row["share of the listings"] for row in count_odometers(listings)] == ["25.0%", "25.0%", "50.0%"]


def test_a_car_counts_once_and_rarer_changes_take_longer(listings: pl.LazyFrame) -> None:
    bound = bound_detection(listings)

    assert bound["missing odometers"] == pytest.approx(1 / 3, abs=1e-4)
    assert bound["electric cars"] == pytest.approx(1 / 3, abs=1e-4)
    assert bound["10 % missing odometers"] < bound["electric +5 points"]
