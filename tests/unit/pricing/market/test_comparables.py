"""Comparables are listings of the same family, one for each car, the nearest first, without private data."""

import polars as pl
import pytest

from carvalue.pricing.market import comparables as module
from carvalue.pricing.market.comparables import Comparables, fit_comparables
from markets import a_listing, a_market


@pytest.fixture(scope="module")
def market() -> pl.DataFrame:
    return a_market(rows=1_500)


@pytest.fixture(scope="module")
def comparables(market: pl.DataFrame) -> Comparables:
    return fit_comparables(market.lazy())


def test_the_nearest_are_of_the_family_and_near_in_year_and_miles(comparables: Comparables) -> None:
    found = comparables.nearest(a_listing(year=2014, odometer=60_000))

    assert len(found) == 12
    assert {(car["manufacturer"], car["model"]) for car in found} == {("toyota", "camry le")}
    assert all(abs(car["year"] - 2014) <= 3 for car in found)
    assert max(abs((car["odometer"] or 60_000) - 60_000) for car in found) < 60_000


def test_a_car_of_the_market_is_its_own_nearest(comparables: Comparables, market: pl.DataFrame) -> None:
    for row in market.filter(pl.col("odometer") > 0).head(50).to_dicts():
        nearest = comparables.nearest(row, limit=1)[0]

        assert (nearest["year"], nearest["odometer"]) == (row["year"], row["odometer"])


def test_a_title_of_another_kind_comes_last(comparables: Comparables) -> None:
    rebuilt = comparables.nearest(a_listing(title_status="rebuilt", year=2012, odometer=80_000), limit=5)

    assert rebuilt[0]["title_status"] == "rebuilt"


@pytest.mark.parametrize(
    "unknown", [{"model": "zzz"}, {"manufacturer": "lada"}, {"manufacturer": None, "model": None}]
)
def test_an_unknown_family_has_none(comparables: Comparables, unknown: dict[str, object]) -> None:
    assert comparables.nearest(a_listing(**unknown)) == ()


def test_without_miles_and_year_the_family_remains(comparables: Comparables) -> None:
    assert len(comparables.nearest({"manufacturer": "ford", "model": "f-150"}, limit=3)) == 3


def test_a_car_posted_again_appears_once_with_its_last_price() -> None:
    again = a_market(rows=30).with_columns(pl.lit(7).cast(pl.UInt64).alias("car"))

    comparables = fit_comparables(
        again.with_columns(manufacturer=pl.lit("ford"), model=pl.lit("focus")).lazy()
    )

    (only,) = comparables.nearest({"manufacturer": "ford", "model": "focus"})
    assert only["price"] == again["price"][-1]


def test_free_text_of_sellers_is_left_out(market: pl.DataFrame) -> None:
    private = market.with_row_index().with_columns(
        pl.when(pl.col("index") == 0)
        .then(pl.lit("focus se call bob 5551234"))
        .otherwise("model")
        .alias("model"),
        pl.when(pl.col("index") == 0).then(pl.lit("ford")).otherwise("manufacturer").alias("manufacturer"),
    )

    models = fit_comparables(private.lazy()).listings.filter(pl.col("family") == "focus")["model"]

    assert set(models) == {"focus se"}
    assert not {"id", "url", "car", "lat", "long", "VIN"} & set(
        fit_comparables(private.lazy()).listings.columns
    )


def test_saved_comparables_are_loaded_unchanged(comparables: Comparables) -> None:
    again = Comparables.from_bytes(comparables.as_bytes())

    assert again.listings.equals(comparables.listings)
    assert again.nearest(a_listing()) == comparables.nearest(a_listing())
    with pytest.raises(ValueError, match="comparables"):
        Comparables.from_bytes(b"no parquet")


def test_listings_without_a_date_are_kept_unless_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    market = a_market(rows=1_500).with_columns(
        posted_at=pl.when(pl.col("id") % 3 > 0).then("posted_at"), year=pl.int_range(pl.len()) % 20 + 2000
    )
    days = market.with_columns(pl.col("posted_at") - pl.duration(days=pl.col("id") % 5))

    assert set(fit_comparables(market.lazy()).listings["posted_at"].is_null()) == {True, False}
    monkeypatch.setattr(module, "MAX_LISTINGS", 500)
    kept = fit_comparables(days.lazy()).listings["posted_at"]
    assert 100 < len(kept) <= 500
    assert kept.null_count() == 0
    assert kept.min() > days["posted_at"].dt.date().min()  # type: ignore[operator]
    assert fit_comparables(market.clear().lazy()).listings.is_empty()
