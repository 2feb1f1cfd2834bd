"""A used car with hardly any miles is priced as one of unknown mileage, the same way alone and in a frame."""

import numpy as np
import polars as pl

from carvalue.listings.schema import Listing
from carvalue.pricing.explain.shapley import explain_price
from carvalue.pricing.features import FrameCells, ListingCells
from carvalue.pricing.features.odometer import (
    IMPLAUSIBLE,
    WITHOUT_ODOMETER,
    drop_implausible,
    implausible_rows,
    is_implausible,
)
from carvalue.pricing.model import PriceModel
from markets import a_listing

CARS: tuple[tuple[Listing, bool], ...] = (
    ({"year": 2019, "odometer": 120}, True),
    ({"year": 2019, "odometer": 1_000}, False),
    ({"year": 2020, "odometer": 120}, False),
    ({"year": 2019, "odometer": None}, False),
    ({"year": None, "odometer": 120}, False),
)


def test_few_miles_are_plausible_only_for_a_new_car() -> None:
    for listing, implausible in CARS:
        assert is_implausible(listing["odometer"], listing["year"], newest_year=2022) is implausible


def test_a_frame_is_checked_like_single_listings() -> None:
    frame = pl.DataFrame([dict(listing) for listing, _ in CARS])

    for cells in (FrameCells(frame), ListingCells([listing for listing, _ in CARS])):
        assert implausible_rows(cells, newest_year=2022).tolist() == [0]
    assert drop_implausible(frame, newest_year=2022)["odometer"].to_list() == [None, 1_000, 120, None, 120]
    assert drop_implausible(frame, newest_year=2022)[IMPLAUSIBLE].to_list() == [
        implausible for _, implausible in CARS
    ]
    assert not len(implausible_rows(FrameCells(frame.drop("year")), newest_year=2022))


def test_the_lower_of_both_prices_is_quoted(model: PriceModel) -> None:
    listing = a_listing(odometer=120)

    quote = model.quote(listing)

    typed = np.exp(model.log_prices(model.encoder.row(listing)))[0]
    unknown = model.quote({**listing, **WITHOUT_ODOMETER})
    assert quote.price == min(round(typed), unknown.price)
    assert any("implausible" in warning for warning in quote.warnings)
    frame = pl.DataFrame([dict(listing), dict(a_listing())])
    quoted = model.quote_frame(frame).row(0, named=True)
    assert (quoted["price"], quoted["low"], quoted["high"]) == (quote.price, quote.low, quote.high)
    assert (quoted["warnings"], quoted["kinds"]) == (list(quote.warnings), list(quote.kinds))


def test_contributions_add_up_to_that_price(model: PriceModel) -> None:
    listing = a_listing(odometer=120)

    found = explain_price(model, listing)

    assert found.start + sum(item.amount for item in found.items) == model.quote(listing).price


def test_a_newer_car_is_not_cheaper_at_the_limit_of_used_cars(model: PriceModel) -> None:
    quotes = model.quote_many([a_listing(odometer=120, year=year) for year in range(1985, 2031)])

    assert np.all(np.diff([quote.price for quote in quotes]) >= 0)
