"""The calibration table counts asking prices below, inside and above the price range."""

import polars as pl
import pytest

from carvalue.pricing.evaluation.calibration import coverage_table


def quoted_rows(*, asking: list[int]) -> pl.DataFrame:
    """Quotes of 1,000 to 100,000 dollars, each with a range of a tenth either way."""
    quoted = pl.Series("quoted", [1_000 * place for place in range(1, len(asking) + 1)])
    prices = pl.Series("price", asking)
    return pl.DataFrame([prices, quoted, (quoted * 0.9).alias("low"), (quoted * 1.1).alias("high")])


def test_deciles_go_from_cheap_to_dear_and_hold_as_many_rows_each() -> None:
    table = coverage_table(quoted_rows(asking=[1_000 * place for place in range(1, 101)]))

    by_price = table.filter(pl.col("by") == "quoted price")
    assert by_price["decile"].to_list() == list(range(1, 11))
    assert by_price["rows"].to_list() == [10] * 10
    assert (by_price["from"][0], by_price["to"][-1]) == (1_000, 100_000)
    assert by_price["coverage"].to_list() == [1.0] * 10
    assert by_price["width"].to_list() == pytest.approx([0.2] * 10)


def test_prices_below_and_above_the_range_are_counted_separately() -> None:
    asking = [500 * place if place % 2 else 2_000 * place for place in range(1, 101)]

    table = coverage_table(quoted_rows(asking=asking)).filter(pl.col("by") == "quoted price")

    assert table["coverage"].to_list() == [0.0] * 10
    assert table["below"].to_list() == table["above"].to_list() == [0.5] * 10
