"""`GET /quotes/ID` and `DELETE /quotes/ID`: the permanent page of a quote."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from carvalue.api import AnyQuote, Comparable, RatingChoice, StoredQuote, is_quote_id
from carvalue.errors import AppError
from carvalue.journal import Forwarder, Journal, JournalEntry, JournalUnavailable, Rating, UnknownQuote
from carvalue.listings import CURRENCY, DISTANCE
from carvalue.serving.explain import explanation
from carvalue.serving.feedback import CATCH_UP_S
from carvalue.serving.http import json_response
from carvalue.serving.model import LiveModel
from carvalue.serving.quotes import support_of

logger = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


class StoredQuotesUnavailable(AppError):
    """The journal is unavailable. The reason, which names hosts and users of the database, is only logged."""

    status, hint = 503, "Try again later; GET /readyz shows whether the journal is up."


async def answer_stored_quote(
    request: Request, *, journal: Journal, forwarder: Forwarder, live: LiveModel
) -> Response:
    """Answer a stored quote with its listing.

    The explanation of the price is added while the model that quoted is in use; of a former model it is null,
    like the date of its training data and the support of the car.

    Args:
        request: its path has the id of the quote.
        journal: where quotes are stored.
        forwarder: forwards recent quotes to the journal first.
        live: the model in use.

    Returns:
        A JSON object with `quote`, `listing`, `quoted_at`, `rating`, `reasons` and `comparables`.

    Raises:
        UnknownQuote: no quote has this id.
        StoredQuotesUnavailable: the journal does not answer.
    """

    def read(quote_id: str) -> tuple[JournalEntry, Rating | None]:
        return journal.quote(quote_id), journal.rating(quote_id)

    entry, rating = await with_stored_quote(request, read, requested_quote_id(request), forwarder=forwarder)
    return json_response(await asyncio.to_thread(_answer, entry, rating, live))


async def delete_stored_quote(request: Request, *, journal: Journal, forwarder: Forwarder) -> Response:
    """Delete a stored quote with its listing and its reported sale.

    Args:
        request: its path has the id of the quote.
        journal: where quotes are stored.
        forwarder: forwards recent quotes to the journal first, so that the quote does not arrive later.

    Returns:
        A response without a body.

    Raises:
        UnknownQuote: no quote has this id.
        StoredQuotesUnavailable: the journal does not answer.
    """
    await with_stored_quote(request, journal.delete, requested_quote_id(request), forwarder=forwarder)
    return Response(status_code=204)


def requested_quote_id(request: Request) -> str:
    """Read the id of a quote in the path of a request.

    Args:
        request: its path has the parameter `quote_id`.

    Returns:
        32 hexadecimal digits.

    Raises:
        UnknownQuote: the path has another text.
    """
    quote_id = str(request.path_params["quote_id"])
    if not is_quote_id(quote_id):
        raise UnknownQuote("There is no such quote: expected an id of 32 of the characters 0-9 and a-f.")
    return quote_id


async def with_stored_quote(
    request: Request, use: Callable[[str], ResultT], quote_id: str, *, forwarder: Forwarder
) -> ResultT:
    """Use a stored quote in a thread; a quote that is a moment old is forwarded to the journal first.

    Args:
        request: the request, for the log.
        use: reads or writes the journal; called with the id.
        quote_id: the id of the quote.
        forwarder: forwards recent quotes to the journal.

    Returns:
        What `use` returns.

    Raises:
        UnknownQuote: no quote has this id.
        StoredQuotesUnavailable: the journal does not answer.
    """
    try:
        return await asyncio.to_thread(_after_forwarding, forwarder, use, quote_id)
    except JournalUnavailable as error:
        reason = {"because": str(error), "request_id": request.scope["request_id"]}
        logger.warning("stored quote not available", extra=reason)
        raise StoredQuotesUnavailable("Stored quotes cannot be read: the journal is unavailable.") from None


def _after_forwarding(forwarder: Forwarder, use: Callable[[str], ResultT], quote_id: str) -> ResultT:
    try:
        return use(quote_id)
    except UnknownQuote:
        forwarder.forward(within_s=CATCH_UP_S)  # the quote may be a moment old
        return use(quote_id)


def _answer(entry: JournalEntry, rating: Rating | None, live: LiveModel) -> StoredQuote:
    loaded = live.current() if live.has_model else None
    reasons, data_as_of, support = None, None, None
    comparables: tuple[Comparable, ...] = ()
    if loaded is not None and str(loaded.version.version) == entry.model_version:
        reasons, comparables = explanation(loaded, entry.listing)
        data_as_of = loaded.model.card.data_as_of
        support = support_of(loaded.model.support(entry.listing))
    return StoredQuote(
        currency=CURRENCY.code,
        distance_unit=DISTANCE.unit,
        quote=AnyQuote(
            price=entry.price,
            low=entry.low,
            high=entry.high,
            currency=CURRENCY.code,
            model_version=entry.model_version,
            data_as_of=data_as_of,
            warnings=entry.warnings,
            quote_id=entry.quote_id,
            support=support,
            calibrated_low=UNSET if entry.calibrated_low is None else entry.calibrated_low,
            calibrated_high=UNSET if entry.calibrated_high is None else entry.calibrated_high,
        ),
        listing=dict(entry.listing),
        quoted_at=entry.quoted_at,
        rating=RatingChoice(rating) if rating else None,
        reasons=reasons,
        comparables=comparables,
    )
