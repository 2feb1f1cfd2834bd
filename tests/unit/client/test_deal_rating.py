"""An asking price is rated by its position in the price range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.client.deal_rating import (
    FAIR_PRICE,
    GOOD,
    GREAT,
    HIGH,
    OVERPRICED,
    TOO_GOOD,
    DealRating,
    rate_deal,
)

ORDER = [TOO_GOOD, GREAT, GOOD, FAIR_PRICE, HIGH, OVERPRICED]


@pytest.mark.parametrize(
    ("asking", "expected"),
    [
        (15_999, TOO_GOOD),
        (16_000, GREAT),
        (18_000, GREAT),
        (19_000, GOOD),
        (20_000, FAIR_PRICE),
        (20_600, FAIR_PRICE),
        (22_000, HIGH),
        (24_001, OVERPRICED),
        (90_000, OVERPRICED),
    ],
)
def test_each_part_of_the_range_has_its_rating(asking: int, expected: DealRating) -> None:
    assert rate_deal(asking, price=20_000, low=16_000, high=26_000) == expected


DOLLARS = st.integers(1, 200_000)


@given(DOLLARS, DOLLARS, st.integers(0, 9_000), st.integers(0, 9_000))
def test_a_higher_asking_price_never_gets_a_better_rating(
    one: int, other: int, below: int, above: int
) -> None:
    low, high = 10_000 - below, 10_000 + above
    ratings = [rate_deal(asking, price=10_000, low=low, high=high) for asking in sorted((one, other))]

    assert ORDER.index(ratings[0]) <= ORDER.index(ratings[1])
