"""What the fields that a listing lacks would change, by quotes of the model itself."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from carvalue.pricing import PriceModel
from carvalue.pricing.explain import missing_answers
from carvalue.pricing.market import COMPARABLE_COLUMNS, Comparables
from markets import a_listing


@pytest.fixture(scope="module")
def model(bundle: Path) -> PriceModel:
    return PriceModel.load(bundle)


def test_every_value_has_the_price_that_the_model_quotes_for_it(model: PriceModel) -> None:
    listing = {name: value for name, value in a_listing().items() if name != "title_status"}

    answers = {answer.field: answer for answer in missing_answers(model, listing)}

    salvage = next(value for value in answers["title_status"].values if value.value == "salvage")
    quote = model.quote({**listing, "title_status": "salvage"})
    assert (salvage.price, salvage.low, salvage.high) == (quote.price, quote.low, quote.high)
    assert not answers.keys() & listing.keys()
    assert "state" not in answers  # known; and it would have too many values


def test_mileages_are_those_of_similar_cars_and_trims_are_asked_for_once(model: PriceModel) -> None:
    family = {"manufacturer": "toyota", "model": "camry", "year": 2014}

    answers = {answer.field: answer for answer in missing_answers(model, family)}
    with_trim = {answer.field for answer in missing_answers(model, {**family, "model": "camry le"})}

    assert [value.value for value in answers["trim"].values] == ["le"]
    assert answers["trim"].values[0].price == model.quote({**family, "model": "camry le"}).price
    assert all(isinstance(value.value, int) for value in answers["odometer"].values)
    assert "trim" not in with_trim


def test_engines_come_with_their_share_of_the_family(model: PriceModel) -> None:
    family = {"manufacturer": "toyota", "model": "camry", "year": 2014}
    listings = model.comparables.listings
    fuels = pl.Series("fuel", ["hybrid", "gas", "gas", None]).sample(
        len(listings), with_replacement=True, seed=1
    )
    known = fuels.filter(
        (listings["manufacturer"] == "toyota") & (listings["family"] == "camry")
    ).drop_nulls()
    mixed = replace(model, comparables=Comparables.from_listings(listings.with_columns(fuels)))

    (fuel,) = (answer for answer in missing_answers(mixed, family) if answer.field == "fuel")

    shares = {value.value: value.share for value in fuel.values if value.share}
    assert shares == pytest.approx({kind: (known == kind).mean() for kind in ("gas", "hybrid")})


def test_a_bundle_of_an_earlier_release_has_no_shares_of_engines(model: PriceModel) -> None:
    earlier = Comparables.from_listings(model.comparables.listings.select(*COMPARABLE_COLUMNS, "family"))
    family = {"manufacturer": "toyota", "model": "camry", "year": 2014}

    (fuel,) = (
        answer
        for answer in missing_answers(replace(model, comparables=earlier), family)
        if answer.field == "fuel"
    )

    assert {value.share for value in fuel.values} == {None}


def test_the_field_that_narrows_the_interval_most_comes_first(model: PriceModel) -> None:
    shares = [
        answer.narrower
        for answer in missing_answers(model, {"manufacturer": "x", "model": "y", "year": 2014})
    ]

    assert shares == sorted(shares, reverse=True)


def test_a_complete_listing_lacks_nothing(model: PriceModel) -> None:
    complete = a_listing(
        cylinders="4 cylinders",
        fuel="gas",
        transmission="automatic",
        drive="fwd",
        type="sedan",
        paint_color="red",
    )

    assert missing_answers(model, complete) == ()
