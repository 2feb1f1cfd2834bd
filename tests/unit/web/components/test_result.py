"""A quote is shown with what its range promises, and with the age of its data."""

import pytest

from answers import a_quote, explained
from carvalue.client import support_in_words
from carvalue.web.components.result import moved_range, range_bar

QUOTE = a_quote(price=10_000, low=8_000, high=12_000)
REASONS = {"start": 9_000, "start_label": "a car", "items": []}
CAR = {
    "manufacturer": "ford",
    "model": "f150",
    "year": 2015,
    "odometer": None,
    "condition": None,
    "state": None,
    "region": None,
    "price": 9_000,
    "posted_at": "2021-05-01",
}


@pytest.mark.parametrize(
    ("warnings", "comparables"),
    [
        (("make 'asdf' is not in the training data",), []),
        ((), []),
        (("model 'x' is not in the training data",), [CAR]),
    ],
)
def test_nothing_is_promised_of_cars_that_the_model_has_never_seen(
    warnings: tuple[str, ...], comparables: list[dict[str, object]]
) -> None:
    answer = explained(
        quote=a_quote(price=10_000, low=8_000, high=12_000, warnings=list(warnings)),
        reasons=REASONS,
        comparables=comparables,
    )

    assert "a rough guess" in support_in_words(answer)
    assert "nine in ten" not in support_in_words(answer)


def test_a_known_car_gets_the_promise_of_its_range() -> None:
    answer = explained(quote=QUOTE, reasons=REASONS, comparables=[CAR])

    assert support_in_words(answer).startswith("narrow price range: nine in ten")


def test_the_most_likely_price_stands_at_its_place_in_the_range() -> None:
    assert "left:50.0%" in range_bar(QUOTE)
    assert "Range from $8,000 to $12,000" in range_bar(QUOTE)


def test_a_range_that_sales_have_moved_says_what_it_was() -> None:
    moved = a_quote(price=10_000, low=8_500, high=12_900, calibrated_low=8_000, calibrated_high=12_000)

    assert moved_range(QUOTE) == ""
    assert moved_range(moved) == (
        "Lately reported sales have moved this range; before, it was \\$8,000 to \\$12,000. "
        "The price is unchanged."
    )
