"""Rates an asking price by its position in the price range."""

from dataclasses import dataclass
from typing import Literal

from carvalue.listings import MARKET

Color = Literal["green", "blue", "orange", "red"]

# distances from the most likely price, as shares of the distance to that end of the range
FAIR_SHARE = 0.15  # a smaller difference is within the error of the estimate
FAR_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class DealRating:
    """A rating of an asking price.

    Attributes:
        label: The rating, in one or two words.
        meaning: What the rating means, in a sentence.
        color: Colour in which the page shows it.
    """

    label: str
    meaning: str
    color: Color


GREAT = DealRating(
    label="Great price", meaning=f"Well below what similar {MARKET.vehicles} are offered for.", color="green"
)
GOOD = DealRating(
    label="Good price",
    meaning=f"Somewhat below what similar {MARKET.vehicles} are offered for.",
    color="green",
)
FAIR_PRICE = DealRating(
    label="Fair price", meaning=f"About what similar {MARKET.vehicles} are offered for.", color="blue"
)
HIGH = DealRating(
    label="High price",
    meaning=f"Somewhat above what similar {MARKET.vehicles} are offered for.",
    color="orange",
)
OVERPRICED = DealRating(
    label="Overpriced",
    meaning=f"Well above what similar {MARKET.vehicles} are offered for. You can try to negotiate.",
    color="red",
)
TOO_GOOD = DealRating(
    label="Suspiciously cheap",
    meaning=f"Fewer than one in twenty similar {MARKET.vehicles} is offered for so little. "
    "Ask what is wrong with it.",
    color="orange",
)


def rate_deal(asking: int, *, price: int, low: int, high: int) -> DealRating:
    """Rate an asking price by its position in the price range.

    Nine in ten similar cars are offered within the range. An asking price below the range is rated as
    suspicious, not as a bargain. One that is more than halfway from the most likely price to the upper end is
    overpriced.

    Args:
        asking: Asking price, in dollars.
        price: Most likely asking price, in dollars.
        low: Lower end of the price range, in dollars.
        high: Upper end of the price range, in dollars.

    Returns:
        The rating.

    Examples:
        >>> rate_deal(22_000, price=20_000, low=16_000, high=26_000).label
        'High price'
        >>> rate_deal(15_000, price=20_000, low=16_000, high=26_000).label
        'Suspiciously cheap'
    """
    if asking < low:
        return TOO_GOOD
    distance_to_end = high - price if asking > price else price - low
    position = (asking - price) / max(distance_to_end, 1)
    if position <= -FAR_SHARE:
        return GREAT
    if position <= -FAIR_SHARE:
        return GOOD
    if position <= FAIR_SHARE:
        return FAIR_PRICE
    return HIGH if position <= FAR_SHARE else OVERPRICED
