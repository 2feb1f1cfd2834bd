"""The later market has newer cars with more miles and higher prices, in the raw format."""

from pathlib import Path

import polars as pl

from carvalue.demo.shifted_market import PRICE_FACTOR, YEARS_LATER, later_cars, write_later_listings
from carvalue.demo.traffic import held_out_cars
from carvalue.listings.cleaning.cleaner import clean
from carvalue.listings.synthetic.writer import write_sample


def test_the_market_is_a_raw_file_with_newer_and_more_expensive_cars(tmp_path: Path) -> None:
    write_sample(tmp_path / "now.csv", rows=2_000, seed=5)
    now = pl.read_parquet(clean(tmp_path / "now.csv", into=tmp_path / "now").listings)
    later_file = write_later_listings(tmp_path / "later.csv", rows=2_000, seed=5)
    later = pl.read_parquet(clean(later_file, into=tmp_path / "later").listings)

    assert later.height > 0.9 * now.height
    assert later["year"].median() == now["year"].median() + YEARS_LATER
    assert abs(later["price"].median() / now["price"].median() - PRICE_FACTOR) < 0.1
    assert later["posted_at"].min() > now["posted_at"].max()
    assert not set(later["id"]) & set(now["id"])


def test_its_cars_can_be_quoted(tmp_path: Path) -> None:
    cars = held_out_cars(later_cars(tmp_path, rows=1_000, seed=6))

    listing, asked = next(cars)
    assert listing["manufacturer"]
    assert asked >= 1_000
