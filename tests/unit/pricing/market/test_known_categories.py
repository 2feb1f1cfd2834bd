"""Warnings about contradictions and words that are not used; what is offered holds no junk."""

import polars as pl

from carvalue.pricing.features import ListingCells
from carvalue.pricing.market import fit_known_categories
from carvalue.pricing.model import PriceModel
from markets import a_listing, a_market

MARKET = a_market(rows=900).with_columns(
    fuel=pl.when(pl.col("manufacturer") == "porsche").then(pl.lit("electric")).otherwise(pl.lit("gas")),
    region=pl.when(pl.col("state") == "tx").then(pl.lit("austin")).otherwise(pl.lit("albany")),
)
KNOWN = fit_known_categories(MARKET.lazy())


def kinds(**changes: object) -> set[str]:
    (warned,) = KNOWN.warnings(ListingCells([a_listing(**changes)]))
    return {warning.kind for warning in warned}


def test_a_fuel_that_no_car_of_the_make_has_is_a_contradiction() -> None:
    assert "fuel_contradiction" in kinds(manufacturer="porsche", model="911", fuel="diesel")
    assert "fuel_contradiction" not in kinds(manufacturer="porsche", model="911", fuel="electric")


def test_a_state_outside_the_region_is_a_contradiction() -> None:
    assert "state_contradiction" in kinds(region="austin", state="ny")
    assert "state_contradiction" not in kinds(region="austin", state="tx")


def test_contradictions_pass_through_the_bundle() -> None:
    assert type(KNOWN).from_json(KNOWN.as_json()) == KNOWN
    old = {name: value for name, value in KNOWN.as_json().items() if name not in {"fuels", "states"}}
    assert type(KNOWN).from_json(old).fuels == {}


def test_words_that_many_makes_have_in_place_of_a_family_are_not_offered() -> None:
    junk = (
        MARKET.group_by("manufacturer", maintain_order=True).head(3).with_columns(model=pl.lit("financing"))
    )

    known = fit_known_categories(pl.concat([MARKET, junk.select(MARKET.columns)]).lazy())

    assert all("financing" not in families for families in known.makes.values())
    assert "camry" in known.makes["toyota"]


def test_words_that_are_not_used_are_named(model: PriceModel) -> None:
    listing = a_listing(model="camry le qwxyz")

    quote = model.quote(listing)

    assert "qwxyz" in quote.warnings[-1]
    assert "words_unknown" in quote.kinds
    assert quote.price == model.quote_frame(pl.DataFrame([listing]))["price"].item()
