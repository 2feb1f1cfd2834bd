"""The simulated market: quotes, published listings and reported sales appear on the right days."""

from datetime import timedelta

import polars as pl
import pytest

from carvalue.backtest.market import (
    InvalidPriceShift,
    Market,
    MarketAssumptions,
    PriceShift,
    parse_price_shift,
    reported_sales,
)
from markets import FIRST_POSTED, a_market

ROWS = 2_000


@pytest.fixture(scope="module")
def listings() -> pl.DataFrame:
    spread = timedelta(days=20) / ROWS
    return a_market(rows=ROWS).with_columns(
        posted_at=pl.Series([FIRST_POSTED + i * spread for i in range(ROWS)])
    )


def test_published_cars_get_no_quote(listings: pl.DataFrame) -> None:
    market = Market(listings, assumptions=MarketAssumptions())

    published = market.published(market.days)
    requested = pl.concat([market.requested(day) for day in range(market.days)])
    assert market.days == 20
    assert not set(published["car"]) & set(requested["car"])
    assert published.height + requested.height == ROWS
    assert 0.45 < requested.height / ROWS < 0.55
    assert market.published(4)["posted_at"].max() < market.end_of_day(4)


def test_some_sales_are_reported_after_some_days(listings: pl.DataFrame) -> None:
    assumptions = MarketAssumptions(report_share=0.3, min_report_days=2, max_report_days=5)
    market = Market(listings, assumptions=assumptions)
    requested = market.requested(3)
    waits = (requested["reported_day"] - 3).drop_nulls()

    assert set(waits) == {2, 3, 4, 5}
    assert 0.1 < len(waits) / requested.height < 0.5
    sold = requested.drop_nulls("reported_day").with_columns(quoted=pl.col("price"))
    assert reported_sales(market, 4, sold=[sold]).is_empty()
    later = reported_sales(market, 8, sold=[sold])
    assert later.height == len(waits)
    assert later["client"].n_unique() > 1


def test_a_price_shift_changes_all_prices_from_its_day_on(listings: pl.DataFrame) -> None:
    as_it_was, moved = (
        Market(listings, assumptions=MarketAssumptions(), price_shift=price_shift)
        for price_shift in (None, PriceShift(factor=2.0, day=10))
    )

    for day, factor in ((9, 1), (10, 2), (19, 2)):
        assert (moved.requested(day)["price"] == as_it_was.requested(day)["price"] * factor).all()


def test_fewer_cars_are_drawn_whole(listings: pl.DataFrame) -> None:
    market = Market(listings, assumptions=MarketAssumptions(cars=500))

    assert (
        sum(market.requested(day).height for day in range(market.days)) + market.published(20).height == 500
    )


def test_a_price_shift_is_parsed() -> None:
    assert parse_price_shift("1.1@18") == PriceShift(factor=1.1, day=18)
    assert parse_price_shift("") is None
    for text in ("1.1", "x@3", "0@3", "1.1@-2"):
        with pytest.raises(InvalidPriceShift, match="FACTOR@DAY"):
            parse_price_shift(text)
