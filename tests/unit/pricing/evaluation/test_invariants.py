"""Each invariant is checked: a model that violates one fails exactly the check of that invariant."""

from collections.abc import Callable

import polars as pl
import pytest
from tests.markets import a_market

from carvalue.listings.schema import Listing
from carvalue.pricing.evaluation.invariants import check_invariants, violations
from carvalue.pricing.market import PriceEstimate
from carvalue.pricing.model import PriceModel

Price = Callable[[Listing], float]


def sound(listing: Listing) -> float:
    """Price a car so that every invariant holds."""
    miles, year = float(listing.get("odometer") or 0), float(listing.get("year") or 2000)
    price = 20_000 - miles / 100 + 50 * (year - 2000) + 10 * len(str(listing.get("model")))
    price -= 900 * (listing.get("title_status") == "salvage") + 500 * (listing.get("condition") == "fair")
    return min(max(price, 1_000), 100_000)


class Priced:
    """A model that is one function."""

    def __init__(self, one: Price, many: Price | None = None) -> None:
        self.one, self.many = one, many or one

    def quote(self, listing: Listing) -> PriceEstimate:
        price = round(self.one(listing))
        return PriceEstimate(price, price, price)

    def quote_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        prices = [round(self.many(listing)) for listing in frame.iter_rows(named=True)]
        return pl.DataFrame({"price": prices, "low": prices, "high": prices})


def names_nothing(listing: Listing) -> float:
    return sound({**listing, "model": "x"})


def fails_on_invalid_listings(listing: Listing) -> float:
    return sound(listing) + 0 * len(str(listing["model"]))


def test_a_trained_model_violates_no_invariant(model: PriceModel) -> None:
    checks = check_invariants(model, a_market(rows=400))

    assert violations(checks) == ()
    assert all(check.checked for check in checks)


def test_a_plausible_pricer_violates_no_invariant() -> None:
    assert violations(check_invariants(Priced(sound), a_market(rows=400))) == ()


@pytest.mark.parametrize(
    ("invariant", "model"),
    [
        (
            "more miles never raise",
            Priced(lambda car: sound(car) + 2 * float(car.get("odometer") or 0) / 100),
        ),
        (
            "newer never lowers",
            Priced(lambda car: sound(car) - 100 * (float(car.get("year") or 2000) - 2000)),
        ),
        ("a salvage title", Priced(lambda car: sound({**car, "title_status": None}))),
        ("fair is below", Priced(lambda car: sound({**car, "condition": None}))),
        ("make and model move", Priced(names_nothing)),
        ("invalid listings have a price", Priced(fails_on_invalid_listings)),
        ("one row is priced as in a frame", Priced(sound, lambda car: sound(car) + 1)),
    ],
)
def test_a_violated_invariant_is_found(invariant: str, model: Priced) -> None:
    broken = violations(check_invariants(model, a_market(rows=400)))

    assert any(violation.startswith(invariant) for violation in broken), broken


def test_a_check_without_rows_counts_as_violated() -> None:
    undated = a_market(rows=40).with_columns(year=pl.lit(None, pl.Int64))

    broken = violations(check_invariants(Priced(sound), undated))

    assert any(violation.startswith("newer never lowers") for violation in broken)
