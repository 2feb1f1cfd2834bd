"""The reference car has a typical price, and the most frequent categories of its model family."""

import polars as pl

from carvalue.pricing.market.reference_car import fit_reference_car
from markets import MARKET_FIELDS


def cars(*, model: str, price: int, rows: int, **words: str) -> pl.DataFrame:
    """Equal cars of one make, and what an advertisement says of them."""
    said = {
        **dict.fromkeys(MARKET_FIELDS),
        "manufacturer": "ford",
        "model": model,
        "year": 2012,
        "odometer": 80_499,
        "state": "tx",
        "region": "austin",
        "price": price,
    }
    fields = dict.fromkeys(MARKET_FIELDS, pl.String)
    return pl.DataFrame([said | words] * rows, schema_overrides=fields)


def test_the_name_is_a_frequent_one_at_the_markets_price() -> None:
    market = pl.concat(
        [
            cars(model="focus", price=4_000, rows=12),
            cars(model="fusion", price=10_000, rows=6, condition="good"),
            cars(model="escape", price=10_100, rows=4),
            cars(model="mustang", price=30_000, rows=11),
        ]
    )

    usual = fit_reference_car(market.lazy())

    assert (usual["manufacturer"], usual["model"]) == ("ford", "fusion")
    assert (usual["year"], usual["odometer"], usual["condition"]) == (2012, 80_000, "good")


def test_the_region_lies_in_the_state() -> None:
    market = pl.concat(
        [
            cars(model="fusion", price=10_000, rows=4, state="tx", region="austin"),
            cars(model="fusion", price=10_000, rows=3, state="tx", region="waco"),
            cars(model="fusion", price=10_000, rows=5, state="ny", region="albany"),
        ]
    )

    usual = fit_reference_car(market.lazy())

    assert (usual["state"], usual["region"], usual["fuel"]) == ("tx", "austin", None)
