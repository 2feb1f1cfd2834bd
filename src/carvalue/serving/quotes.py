"""The use case: listings in, quotes out, all by one model, each with an id of its own and counted."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from carvalue.listings.schema import Listing
from carvalue.monitoring.metrics import ServiceMetrics
from carvalue.serving.live_model import LiveModel

CURRENCY = "USD"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredQuote:
    """A quote as it is answered: the price with its range, and what it rests on."""

    price: int
    low: int
    high: int
    currency: str
    model_version: str
    data_as_of: str
    warnings: tuple[str, ...]
    quote_id: str

    def as_json(self) -> Mapping[str, object]:
        """The quote as the contract of the API names it."""
        return {name: getattr(self, name) for name in self.__slots__}


def new_quote_id() -> str:
    """Make an id that sorts by time, so that a journal appends at the end of its index."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


class Quoting:
    """Quotes listings with the model in use."""

    def __init__(
        self, *, live: LiveModel, metrics: ServiceMetrics, new_id: Callable[[], str] = new_quote_id
    ) -> None:
        self._live, self._metrics, self._new_id = live, metrics, new_id

    def answer(self, listings: tuple[Listing, ...]) -> tuple[AnsweredQuote, ...]:
        """Quote every listing, in order.

        Raises:
            NoModelYet: there is no model to quote with.
        """
        in_use = self._live.in_use()
        version, data_as_of = str(in_use.version.version), in_use.model.card.data_as_of.isoformat()
        quotes = tuple(
            AnsweredQuote(
                price=quote.price,
                low=quote.low,
                high=quote.high,
                currency=CURRENCY,
                model_version=version,
                data_as_of=data_as_of,
                warnings=quote.warnings,
                quote_id=self._new_id(),
            )
            for quote in in_use.model.quote_many(listings)
        )
        self._count(quotes, version)
        return quotes

    def _count(self, quotes: tuple[AnsweredQuote, ...], version: str) -> None:
        self._metrics.quotes.labels(version).inc(len(quotes))
        warned = sum(1 for quote in quotes if quote.warnings)
        if warned:
            self._metrics.warned_quotes.inc(warned)
