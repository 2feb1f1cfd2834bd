"""Compare the quotes of a canary with those of production for the same cars, and find a breach."""

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

WINDOW = 1_000  # newest quotes
MIN_QUOTES = 100
MAX_ERRORS = 3
MAX_PRICE_CHANGE = 0.1  # of the median
MAX_SLOWDOWN, MIN_DELAY_S = 2.0, 0.002

StopReason = Literal["errors", "latency", "load", "prices"]


class Breach(NamedTuple):
    """Why a canary must be stopped.

    Attributes:
        reason: The kind of breach, a label of the metric.
        text: The figures in one sentence.
    """

    reason: StopReason
    text: str


class CanaryComparison:
    """The newest quotes of a canary beside those of production. Not thread-safe.

    >>> comparison = CanaryComparison()
    >>> comparison.add(prices=[13_000] * 100, production=[10_000] * 100, seconds=0.1, production_seconds=0.1)
    >>> comparison.breach().text
    'The median price is 30.0 % above that of production, over 100 quotes (at most 10 %).'
    """

    def __init__(self) -> None:
        self._ratios = deque[float](maxlen=WINDOW)
        self._seconds = deque[tuple[float, float]](maxlen=WINDOW)
        self._errors = 0
        self._last_error = ""

    @property
    def price_ratio(self) -> float:
        """The median ratio of the prices to those of production; 1 before the first quote."""
        return median(self._ratios) if self._ratios else 1.0

    def add(
        self, *, prices: Sequence[int], production: Sequence[int], seconds: float, production_seconds: float
    ) -> None:
        """Add the quotes of a request.

        Args:
            prices: The prices of the canary, in the market's currency.
            production: The prices of the version in production for the same cars.
            seconds: How long the canary took.
            production_seconds: How long the version in production took.
        """
        self._ratios.extend(price / other for price, other in zip(prices, production, strict=True))
        self._seconds.append((seconds, production_seconds))

    def add_error(self, error: Exception) -> None:
        """Add a request that the canary could not answer.

        Args:
            error: What it raised.
        """
        self._errors += 1
        self._last_error = type(error).__name__

    def breach(self) -> Breach | None:
        """Compare the newest quotes with the limits.

        Returns:
            The breach; None if there is none.
        """
        if self._errors >= MAX_ERRORS:
            return Breach("errors", f"{self._errors} requests failed, the last one with {self._last_error}.")
        if len(self._ratios) < MIN_QUOTES:
            return None
        return self._price_breach() or self._latency_breach()

    def _price_breach(self) -> Breach | None:
        change = self.price_ratio - 1
        if abs(change) <= MAX_PRICE_CHANGE:
            return None
        side = "above" if change > 0 else "below"
        limit = f"{len(self._ratios)} quotes (at most {100 * MAX_PRICE_CHANGE:.0f} %)"
        return Breach(
            "prices",
            f"The median price is {100 * abs(change):.1f} % {side} that of production, over {limit}.",
        )

    def _latency_breach(self) -> Breach | None:
        own, production = (median(seconds) for seconds in zip(*self._seconds, strict=True))
        if own <= max(MAX_SLOWDOWN * production, production + MIN_DELAY_S):
            return None
        return Breach(
            "latency",
            f"A request takes {own * 1e3:.1f} ms at the median, production {production * 1e3:.1f} ms "
            f"(at most {MAX_SLOWDOWN:.0f} times as long).",
        )
