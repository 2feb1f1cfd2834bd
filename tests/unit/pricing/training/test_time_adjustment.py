"""Earlier prices are adjusted where the market has changed, and left unchanged where it has not."""

import polars as pl
import pytest

from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.time_adjustment import adjust_to_newest
from markets import a_bundle, a_market

OLD = 2_500


@pytest.fixture(scope="module")
def reference_model(tmp_path_factory: pytest.TempPathFactory) -> PriceModel:
    return PriceModel.load(a_bundle(tmp_path_factory.mktemp("market")))


def a_market_that_moved(factor: float) -> pl.DataFrame:
    market = a_market(rows=4_000, seed=9).with_row_index("place")
    moved = pl.when(pl.col("place") >= OLD).then(pl.col("price") * factor).otherwise("price")
    return market.with_columns(price=moved.round().cast(pl.Int32)).drop("place")


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_prices_before_a_market_change_are_adjusted(reference_model: PriceModel, factor: float) -> None:
    market = a_market_that_moved(factor)

    adjusted, done = adjust_to_newest(market, reference_model=reference_model)

    ratio = (adjusted["price"] / market["price"]).to_list()
    assert done.moved == pytest.approx(OLD, abs=1_000)  # the block across the move is neither
    assert all(found == pytest.approx(factor, abs=0.04) for found in ratio[:1_000])
    assert all(found == 1 for found in ratio[-500:])
    assert adjusted.schema == market.schema
    assert f"times {done.factor:.2f}" in done.description


def test_an_unchanged_market_is_not_adjusted(reference_model: PriceModel) -> None:
    market = a_market(rows=4_000, seed=9)

    adjusted, done = adjust_to_newest(market, reference_model=reference_model)

    assert adjusted.equals(market)
    assert (done.moved, done.factor, done.description) == (0, 1.0, "")


def test_rows_may_be_in_any_order(reference_model: PriceModel) -> None:
    market = a_market_that_moved(1.2)

    shuffled, _ = adjust_to_newest(
        market.sample(fraction=1, shuffle=True, seed=3), reference_model=reference_model
    )

    assert shuffled.equals(adjust_to_newest(market, reference_model=reference_model)[0])


def test_too_few_rows_are_left_unchanged(reference_model: PriceModel) -> None:
    market = a_market_that_moved(1.5).head(1_000)

    assert adjust_to_newest(market, reference_model=reference_model)[0].equals(market)
