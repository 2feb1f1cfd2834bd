"""Curves that only rise or fall, and quotes that follow them: newer is never cheaper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.pricing.additive.isotonic import interpolate, isotonic_decreasing, isotonic_increasing, locate
from carvalue.pricing.model import PriceModel
from markets import a_listing, a_market


def test_a_rising_curve_is_the_closest_one() -> None:
    assert isotonic_increasing([1.0, 3.0, 1.0, 4.0], [1.0, 1.0, 3.0, 1.0]) == [1.0, 1.5, 1.5, 4.0]
    assert isotonic_decreasing([1.0, 3.0, 0.0], [1.0, 1.0, 1.0]) == [2.0, 2.0, 0.0]


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40))
def test_any_curve_can_be_made_to_rise(curve: list[float]) -> None:
    risen = isotonic_increasing(curve, [1.0] * len(curve))

    assert len(risen) == len(curve)
    assert np.all(np.diff(risen) >= 0)


@pytest.mark.parametrize(("miles", "read"), [(-5, 0.0), (0, 0.0), (15, 1.5), (20, 2.0), (99, 3.0)])
def test_a_curve_is_read_between_its_knots(miles: float, read: float) -> None:
    assert interpolate([0.0, 1.0, 2.0, 3.0], *locate([0, 10, 20, 30], miles)) == read


def test_more_plausible_miles_never_raise_a_price(model: PriceModel) -> None:
    for listing in (a_listing(), a_listing(model="zzz"), a_listing(manufacturer=None, model="911 carrera")):
        quotes = model.quote_many([listing | {"odometer": miles} for miles in range(1_000, 400_001, 2_500)])

        assert np.all(np.diff([quote.price for quote in quotes]) <= 0)


def test_a_newer_car_is_never_cheaper(model: PriceModel) -> None:
    for listing in a_market(rows=15, seed=8).to_dicts():
        quotes = model.quote_many([listing | {"year": year} for year in range(1985, 2031)])

        assert np.all(np.diff([quote.price for quote in quotes]) >= 0)
