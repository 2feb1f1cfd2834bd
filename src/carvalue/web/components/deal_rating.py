"""Is an asking price fair? Where it stands in the range, in words."""

from dataclasses import dataclass
from typing import Literal

Color = Literal["green", "blue", "orange", "red"]

FAIR = 0.15  # of the way from the most likely price to an end of the range: as near as a guess can tell
FAR = 0.5


@dataclass(frozen=True, kw_only=True)
class DealRating:
    """A word for an asking price, what it means, and how it is coloured."""

    word: str
    meaning: str
    color: Color


GREAT = DealRating(word="Great price", meaning="Well below what such cars are offered for.", color="green")
GOOD = DealRating(word="Good price", meaning="Somewhat below what such cars are offered for.", color="green")
FAIR_PRICE = DealRating(word="Fair price", meaning="What such cars are offered for.", color="blue")
HIGH = DealRating(word="High price", meaning="Somewhat above what such cars are offered for.", color="orange")
OVERPRICED = DealRating(
    word="Overpriced", meaning="Well above what such cars are offered for: room to bargain.", color="red"
)
TOO_GOOD = DealRating(
    word="Suspiciously cheap",
    meaning="Fewer than one such car in twenty is offered for so little: ask what is wrong with it.",
    color="orange",
)


def rate_deal(asking: int, *, price: int, low: int, high: int) -> DealRating:
    """Judge an asking price by the range; all in whole dollars.

    One price in twenty lies beyond either end of the range: one beyond the lower end is no bargain but a
    question, one halfway to the upper end is dearer than most.
    """
    if asking < low:
        return TOO_GOOD
    side = high - price if asking > price else price - low
    place = (asking - price) / max(side, 1)
    if place <= -FAR:
        return GREAT
    if place <= -FAIR:
        return GOOD
    if place <= FAIR:
        return FAIR_PRICE
    return HIGH if place <= FAR else OVERPRICED
