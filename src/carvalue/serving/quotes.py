"""Quote listings: each quote has its own id, is counted, and is in the outbox before it is answered.

All listings of a request are quoted by one model. Requests that arrive together are quoted in one model call,
which costs less for each listing (`PriceModel.quote_many`, `micro_batching`).
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from carvalue.api import Quote, Support
from carvalue.errors import AppError
from carvalue.journal import JournalEntry, JournalWriter
from carvalue.listings import CURRENCY, Listing
from carvalue.pricing import SupportCounts
from carvalue.serving.canary import Canary
from carvalue.serving.counting import count_quotes
from carvalue.serving.micro_batching import MicroBatcher
from carvalue.serving.model import LiveModel, LoadedModel
from carvalue.telemetry import ServiceMetrics
from carvalue.trace_context import current_trace

INLINE_LISTINGS = 8  # more are quoted in a thread; so few take less time than a switch of threads


class Inquiry(NamedTuple):
    """A listing whose price is asked for.

    Attributes:
        listing: the car.
        client: the client that asks, as the journal names it.
        route: `page` or `api`.
        trace_id: the trace of the request; None outside of a request.
    """

    listing: Listing
    client: str
    route: str
    trace_id: str | None


class QuoteNotRecorded(AppError):
    """The quote cannot be stored, and ON_FULL_DISK is `refuse`."""

    status, hint = 503, "Try again later; the operator has to free disk space below STATE_DIR."


def new_quote_id() -> str:
    """Make a quote id. Ids sort by time, so that the journal appends at the end of its index.

    Returns:
        12 hexadecimal digits of milliseconds since 1970 and 20 random ones.

    >>> earlier = new_quote_id()
    >>> len(earlier), int(earlier[:12], 16) <= time.time() * 1000
    (32, True)
    """
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


class QuoteService:
    """Quotes listings with the model in use.

    Args:
        live: the model in use.
        canary: the version that answers a share of the requests.
        writer: records each quote for the journal.
        metrics: counts quotes and warnings.
        refuse_unrecorded: whether a request is refused if its quotes cannot be recorded.
        new_id: makes the id of a quote.
        clock: returns the present time, with a time zone.
    """

    def __init__(
        self,
        *,
        live: LiveModel,
        canary: Canary,
        writer: JournalWriter,
        metrics: ServiceMetrics,
        refuse_unrecorded: bool = False,
        new_id: Callable[[], str] = new_quote_id,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._refuse_unrecorded = refuse_unrecorded
        self._live, self._canary, self._writer, self._metrics = live, canary, writer, metrics
        self._new_id, self._clock = new_id, clock
        self._batcher = MicroBatcher(self._quote_batch)

    async def answer(
        self,
        listings: Sequence[Listing],
        *,
        client: str,
        route: str = "api",
        loaded: LoadedModel | None = None,
    ) -> Sequence[Quote]:
        """Quote listings. When this returns, the quotes are recorded, or marked as not recorded.

        Args:
            listings: validated listings.
            client: the client that asks, as the journal names it.
            route: how it asks: on the `page` or through the `api`.
            loaded: the model to quote with; the one that is chosen for the request unless given.

        Returns:
            A quote for each listing, in order.

        Raises:
            ModelNotLoaded: there is no model to quote with.
            QuoteNotRecorded: the quotes cannot be recorded, and such quotes are to be refused.
        """
        model, trace = loaded or self._canary.model_for(client, *listings[:1]), current_trace()
        trace_id = trace.trace_id if trace else None
        inquiries = [Inquiry(listing, client, route, trace_id) for listing in listings]
        if len(listings) > INLINE_LISTINGS:
            quotes = await asyncio.to_thread(self._quote_by, model, listings, fixed=loaded is not None)
        elif loaded is None and not self._canary.is_canary(model):
            return self._checked(await self._batcher.submit(inquiries))
        else:
            quotes = self._quote_by(model, listings, fixed=loaded is not None)
        await self._record(inquiries, quotes)
        return self._checked(quotes)

    def _checked(self, quotes: Sequence[Quote]) -> Sequence[Quote]:
        """Refuse quotes that are not recorded, if the settings ask for it."""
        if self._refuse_unrecorded and not all(quote.recorded is UNSET for quote in quotes):
            raise QuoteNotRecorded("The disk of the service is full, so quotes cannot be recorded.")
        return quotes

    def _quote_batch(self, inquiries: Sequence[Inquiry]) -> tuple[Sequence[Quote], asyncio.Future[bool]]:
        quotes = self._quote([inquiry.listing for inquiry in inquiries], self._live.current())
        return quotes, self._record(inquiries, quotes)

    def _record(self, inquiries: Sequence[Inquiry], quotes: list[Quote]) -> asyncio.Future[bool]:
        """Record quotes; those that cannot be recorded are marked in the list when the future is done."""
        recorded = self._write(inquiries, quotes)
        if recorded.done():
            _mark(quotes, recorded)
        else:
            recorded.add_done_callback(partial(_mark, quotes))
        return recorded

    def _write(self, inquiries: Sequence[Inquiry], quotes: Sequence[Quote]) -> asyncio.Future[bool]:
        quoted_at = self._clock()
        return self._writer.record(
            [_entry(inquiry, quote, quoted_at) for inquiry, quote in zip(inquiries, quotes, strict=True)]
        )

    def _quote_by(self, model: LoadedModel, listings: Sequence[Listing], *, fixed: bool) -> list[Quote]:
        """Quote with a model; if it is fixed, no other may take its place, as reasons belong to the price."""
        if not self._canary.is_canary(model):
            return self._quote(listings, model)
        return (self._canary.compared if fixed else self._canary.quote)(listings, model, self._quote)

    def _quote(self, listings: Sequence[Listing], loaded: LoadedModel) -> list[Quote]:
        version, data_as_of = str(loaded.version.version), loaded.model.card.data_as_of
        quotes = loaded.model.quote_many(listings)
        count_quotes(self._metrics, version=version, kinds=[quote.kinds for quote in quotes])
        return [
            Quote(
                price=quote.price,
                low=quote.low,
                high=quote.high,
                currency=CURRENCY.code,
                model_version=version,
                data_as_of=data_as_of,
                warnings=quote.warnings,
                quote_id=self._new_id(),
                support=support_of(quote.support),
                calibrated_low=quote.calibrated[0] if quote.calibrated else UNSET,
                calibrated_high=quote.calibrated[1] if quote.calibrated else UNSET,
            )
            for quote in quotes
        ]


def support_of(counts: SupportCounts) -> Support:
    """Convert the support of a quote into the contract's type.

    Args:
        counts: how many training listings resemble the quoted one.

    Returns:
        The support.
    """
    return Support(**counts._asdict(), grade=counts.grade)


def _mark(quotes: list[Quote], recorded: asyncio.Future[bool]) -> None:
    if not recorded.cancelled() and recorded.exception() is None and not recorded.result():
        quotes[:] = [replace(quote, recorded=False) for quote in quotes]


def _entry(inquiry: Inquiry, quote: Quote, quoted_at: datetime) -> JournalEntry:
    return JournalEntry(
        quote_id=quote.quote_id,
        quoted_at=quoted_at,
        model_version=quote.model_version,
        price=quote.price,
        low=quote.low,
        high=quote.high,
        warnings=quote.warnings,
        listing=inquiry.listing,
        client=inquiry.client,
        route=inquiry.route,
        trace_id=inquiry.trace_id,
        calibrated_low=None if quote.calibrated_low is UNSET else quote.calibrated_low,
        calibrated_high=None if quote.calibrated_high is UNSET else quote.calibrated_high,
    )
