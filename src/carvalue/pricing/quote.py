"""A quote: what a car is worth, how sure that is, and what had to be guessed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quote:
    """A price in whole dollars, and the range that holds the asked price nine times in ten."""

    price: int
    low: int
    high: int
    warnings: tuple[str, ...] = ()
