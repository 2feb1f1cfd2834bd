"""Earlier prices are adjusted where the market has changed, and left unchanged where it has not."""

from pathlib import Path

import polars as pl
import pytest

from carvalue.parallel import InProcess, part_file, parts_of
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.time_adjustment import TimeAdjustment, adjust_to_newest
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
def test_prices_before_a_market_change_are_adjusted(
    reference_model: PriceModel, factor: float, tmp_path: Path
) -> None:
    market = a_market_that_moved(factor)

    adjusted, done = adjust(market, reference_model, tmp_path)

    ratio = (adjusted["price"] / market["price"]).to_list()
    assert done.moved == pytest.approx(OLD, abs=1_000)  # the block across the move is neither
    assert all(found == pytest.approx(factor, abs=0.04) for found in ratio[:1_000])
    assert all(found == 1 for found in ratio[-500:])
    assert adjusted["listed_price"].equals(market["price"])
    assert adjusted.drop("listed_price").schema == market.schema
    assert f"times {done.factor:.2f}" in done.description


def test_an_unchanged_market_is_not_adjusted(reference_model: PriceModel, tmp_path: Path) -> None:
    market = a_market(rows=4_000, seed=9)

    adjusted, done = adjust(market, reference_model, tmp_path)

    assert adjusted.drop("listed_price").equals(market)
    assert (done.moved, done.factor, done.description) == (0, 1.0, "")


def test_rows_may_be_in_any_order(reference_model: PriceModel, tmp_path: Path) -> None:
    market = a_market_that_moved(1.2)

    shuffled, _ = adjust(market.sample(fraction=1, shuffle=True, seed=3), reference_model, tmp_path)

    assert shuffled.equals(adjust(market, reference_model, tmp_path)[0])


def test_parts_give_the_rows_of_the_whole(reference_model: PriceModel, tmp_path: Path) -> None:
    market = a_market_that_moved(1.2)
    whole, done = adjust(market, reference_model, tmp_path)
    folder, into = tmp_path / "market", tmp_path / "parts" / "adjusted.parquet"
    for number in range(3):  # each part has listings of the whole time
        part = part_file(folder, number)
        part.parent.mkdir(exist_ok=True)
        market.gather_every(3, number).write_parquet(part)
    market.clear().write_parquet(part_file(folder, 3))

    in_parts = adjust_to_newest(
        folder, into=into, reference_model=reference_model, workers=InProcess(partitions=4)
    )

    assert len(parts_of(into)) == 4
    assert in_parts == done
    assert pl.read_parquet(parts_of(into)).sort("posted_at").equals(whole)


def test_listings_of_the_same_moment_are_at_the_same_level(
    reference_model: PriceModel, tmp_path: Path
) -> None:
    market = a_market_that_moved(1.2).with_columns(pl.col("posted_at").dt.truncate("1d"))

    adjusted, _ = adjust(market, reference_model, tmp_path)

    factors = adjusted.select("posted_at", factor=(pl.col("price") / pl.col("listed_price")).round(2))
    assert factors.unique().group_by("posted_at").len()["len"].max() == 1


def test_too_few_rows_are_left_unchanged(reference_model: PriceModel, tmp_path: Path) -> None:
    market = a_market_that_moved(1.5).head(1_000)

    assert adjust(market, reference_model, tmp_path)[0].drop("listed_price").equals(market)


def test_without_a_reference_model_prices_stay(tmp_path: Path) -> None:
    market = a_market_that_moved(1.5)

    assert adjust(market, None, tmp_path)[0].drop("listed_price").equals(market)


def adjust(
    market: pl.DataFrame, reference_model: PriceModel | None, folder: Path
) -> tuple[pl.DataFrame, TimeAdjustment]:
    listings, adjusted = folder / "listings.parquet", folder / "adjusted.parquet"
    market.write_parquet(listings)
    done = adjust_to_newest(listings, into=adjusted, reference_model=reference_model)
    return pl.read_parquet(adjusted), done
