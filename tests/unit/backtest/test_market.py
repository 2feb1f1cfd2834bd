"""A past market, day by day: nobody knows anything before its time."""

from datetime import timedelta

import polars as pl
import pytest

from carvalue.backtest.market import (
    InvalidPriceShift,
    Market,
    MarketAssumptions,
    PriceShift,
    parse_price_shift,
    sales_told_by,
)
from markets import FIRST_POSTED, a_market

ROWS = 2_000


@pytest.fixture(scope="module")
def listings() -> pl.DataFrame:
    spread = timedelta(days=20) / ROWS
    return a_market(rows=ROWS).with_columns(
        posted_at=pl.Series([FIRST_POSTED + i * spread for i in range(ROWS)])
    )


def test_what_is_published_is_never_asked_for(listings: pl.DataFrame) -> None:
    market = Market(listings, habits=MarketAssumptions())

    published = market.published(market.days)
    asked = pl.concat([market.asked(day) for day in range(market.days)])
    assert market.days == 20
    assert not set(published["car"]) & set(asked["car"])
    assert published.height + asked.height == ROWS
    assert 0.45 < asked.height / ROWS < 0.55
    assert market.published(4)["posted_at"].max() < market.evening(4)


def test_sales_are_told_late_and_only_some(listings: pl.DataFrame) -> None:
    habits = MarketAssumptions(told=0.3, first_told=2, last_told=5)
    market = Market(listings, habits=habits)
    asked = market.asked(3)
    waits = (asked["told_on"] - 3).drop_nulls()

    assert set(waits) == {2, 3, 4, 5}
    assert 0.1 < len(waits) / asked.height < 0.5
    sold = asked.drop_nulls("told_on").with_columns(quoted=pl.col("price"))
    assert sales_told_by(market, 4, sold=[sold]).is_empty()
    later = sales_told_by(market, 8, sold=[sold])
    assert later.height == len(waits)
    assert later["client"].n_unique() > 1


def test_a_move_changes_all_prices_from_its_day_on(listings: pl.DataFrame) -> None:
    as_it_was, moved = (
        Market(listings, habits=MarketAssumptions(), move=move)
        for move in (None, PriceShift(factor=2.0, day=10))
    )

    for day, factor in ((9, 1), (10, 2), (19, 2)):
        assert (moved.asked(day)["price"] == as_it_was.asked(day)["price"] * factor).all()


def test_fewer_cars_are_drawn_whole(listings: pl.DataFrame) -> None:
    market = Market(listings, habits=MarketAssumptions(cars=500))

    assert sum(market.asked(day).height for day in range(market.days)) + market.published(20).height == 500


def test_a_move_is_read_as_people_type_it() -> None:
    assert parse_price_shift("1.1@18") == PriceShift(factor=1.1, day=18)
    assert parse_price_shift("") is None
    for text in ("1.1", "x@3", "0@3", "1.1@-2"):
        with pytest.raises(InvalidPriceShift, match="FACTOR@DAY"):
            parse_price_shift(text)
