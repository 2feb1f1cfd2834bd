"""What-if points are quotes; more miles never raise the price, newer years never lower it."""

from carvalue.pricing.explain.what_if import POINTS, what_if_curves
from carvalue.pricing.model import PriceModel
from markets import a_listing


def test_the_points_are_quotes(model: PriceModel) -> None:
    found = what_if_curves(model, a_listing())

    point = found.odometer[9]
    quote = model.quote(a_listing(odometer=point.value))
    assert (point.price, point.low, point.high) == (quote.price, quote.low, quote.high)
    assert len(found.odometer) == len(found.year) == POINTS


def test_miles_never_raise_and_years_never_lower_the_price(model: PriceModel) -> None:
    found = what_if_curves(model, a_listing())

    miles, years = ([point.price for point in curve] for curve in (found.odometer, found.year))
    assert miles == sorted(miles, reverse=True)
    assert years == sorted(years)
    assert miles[0] > miles[-1]
    assert years[0] < years[-1]


def test_the_curve_ends_with_the_newest_known_year_and_includes_an_older_car(model: PriceModel) -> None:
    usual, old = (what_if_curves(model, a_listing(year=year)).year for year in (2014, 1986))

    assert usual[-1].value == model.card.newest_year
    assert old[0].value <= 1986 <= old[-1].value
