"""The use case: listings in, quotes out, all by one model, each with its own id, counted and recorded.

Requests that arrive together are quoted together: a listing costs less in company (`PriceModel.quote_many`).
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from carvalue.journal import JournalEntry, JournalWriter
from carvalue.listings import Listing
from carvalue.serving.counting import count_quotes
from carvalue.serving.micro_batching import MicroBatcher
from carvalue.serving.model import LiveModel, LoadedModel
from carvalue.telemetry import ServiceMetrics

CURRENCY = "USD"
INLINE_LISTINGS = 8  # as many are quoted in the time that a hand-over to a thread and back would cost


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteAnswer:
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
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


class QuoteService:
    """Quotes listings with the model in use."""

    def __init__(
        self,
        *,
        live: LiveModel,
        recorder: JournalWriter,
        metrics: ServiceMetrics,
        new_id: Callable[[], str] = new_quote_id,
    ) -> None:
        self._live, self._recorder, self._metrics, self._new_id = live, recorder, metrics, new_id
        self._together = MicroBatcher(self._quote_together)

    async def answer(
        self, listings: Sequence[Listing], *, by: LoadedModel | None = None
    ) -> Sequence[QuoteAnswer]:
        """Quote every listing, in order, by the model in use or the given one.

        The quotes are recorded when this returns.

        Raises:
            NoModelYet: there is no model to quote with.
        """
        in_use = by or self._live.in_use()
        if len(listings) > INLINE_LISTINGS:
            quotes = await asyncio.to_thread(self._quote, listings, in_use)
        elif by is None:
            return await self._together.ask(listings)
        else:
            quotes = self._quote(listings, in_use)
        await self._record(listings, quotes)
        return quotes

    def _quote_together(
        self, listings: Sequence[Listing]
    ) -> tuple[Sequence[QuoteAnswer], asyncio.Future[None]]:
        quotes = self._quote(listings, self._live.in_use())
        return quotes, self._record(listings, quotes)

    def _record(self, listings: Sequence[Listing], quotes: Sequence[QuoteAnswer]) -> asyncio.Future[None]:
        quoted_at = datetime.now(UTC)
        return self._recorder.record(
            [_entry(listing, quote, quoted_at) for listing, quote in zip(listings, quotes, strict=True)]
        )

    def _quote(self, listings: Sequence[Listing], in_use: LoadedModel) -> tuple[QuoteAnswer, ...]:
        version, data_as_of = str(in_use.version.version), in_use.model.card.data_as_of.isoformat()
        quotes = in_use.model.quote_many(listings)
        count_quotes(self._metrics, version=version, kinds=[quote.kinds for quote in quotes])
        return tuple(
            QuoteAnswer(
                price=quote.price,
                low=quote.low,
                high=quote.high,
                currency=CURRENCY,
                model_version=version,
                data_as_of=data_as_of,
                warnings=quote.warnings,
                quote_id=self._new_id(),
            )
            for quote in quotes
        )


def _entry(listing: Listing, quote: QuoteAnswer, quoted_at: datetime) -> JournalEntry:
    return JournalEntry(
        quote_id=quote.quote_id,
        quoted_at=quoted_at,
        model_version=quote.model_version,
        price=quote.price,
        low=quote.low,
        high=quote.high,
        warnings=quote.warnings,
        listing=listing,
    )
