"""`POST /feedback`: the sale price of a quoted car."""

import asyncio
import logging
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from carvalue.api import (
    MAX_SALE_PRICE,
    Feedback,
    FieldError,
    InvalidListings,
    StoredFeedback,
    describe_value,
    is_quote_id,
)
from carvalue.errors import AppError
from carvalue.journal import Forwarder, Journal, JournalUnavailable
from carvalue.listings import CURRENCY
from carvalue.serving.http import json_response, read_json

CATCH_UP_S = 2  # to forward quotes to the journal first: the quote may be a moment old
EXPECTED = {
    "quote_id": "the quote_id of an answer: 32 of the characters 0-9 and a-f",
    "sale_price": f"a whole number from 1 to {MAX_SALE_PRICE} {CURRENCY.name}",
}


logger = logging.getLogger(__name__)


class FeedbackNotStored(AppError):
    """The journal is unavailable. The reason, which names hosts and users of the database, is only logged."""

    status, hint = 503, "Send the sale price again later; GET /readyz shows whether the journal is up."


class InvalidFeedback(InvalidListings):
    """The body is JSON but not feedback; `errors` names every field that is wrong."""


async def store_feedback(request: Request, *, journal: Journal, forwarder: Forwarder) -> Response:
    """Store the sale price of a quoted car. A later price of the same quote replaces an earlier one.

    Args:
        request: its body has `quote_id` and `sale_price`.
        journal: where the price is stored.
        forwarder: forwards recent quotes to the journal first.

    Returns:
        A JSON object with what was stored.

    Raises:
        InvalidFeedback: fields are missing, unknown or out of range.
        UnknownQuote: the journal has no quote of this id.
        FeedbackNotStored: the journal is unavailable.
    """
    feedback = read_feedback(await read_json(request))
    try:
        await asyncio.to_thread(_store, feedback, request.scope["journal_client"], journal, forwarder)
    except JournalUnavailable as error:
        reason = {"because": str(error), "request_id": request.scope["request_id"]}
        logger.warning("feedback not stored", extra=reason)
        raise FeedbackNotStored("The sale price was not stored: the journal is unavailable.") from None
    return json_response(
        StoredFeedback(quote_id=feedback.quote_id, sale_price=feedback.sale_price, currency=CURRENCY.code)
    )


def read_feedback(value: object) -> Feedback:
    """Validate a JSON value as feedback.

    Args:
        value: a JSON value: an object with `quote_id` and `sale_price`.

    Returns:
        The feedback.

    Raises:
        InvalidFeedback: fields are missing, unknown or out of range.

    >>> read_feedback({"quote_id": "0199a1b2c3d4e5f60718293a4b5c6d7e", "sale_price": 21500.0})
    Feedback(quote_id='0199a1b2c3d4e5f60718293a4b5c6d7e', sale_price=21500)
    """
    if not isinstance(value, dict):
        raise InvalidFeedback((_error("", value, "an object with quote_id and sale_price"),))
    quote_id, sale_price = value.get("quote_id"), value.get("sale_price")
    if type(sale_price) is float and sale_price.is_integer():
        sale_price = int(sale_price)
    errors = [_error(name, value[name], "quote_id or sale_price") for name in value if name not in EXPECTED]
    if not is_quote_id(quote_id):
        errors.append(_error("quote_id", quote_id, EXPECTED["quote_id"]))
    if type(sale_price) is not int or not 1 <= sale_price <= MAX_SALE_PRICE:
        errors.append(_error("sale_price", sale_price, EXPECTED["sale_price"]))
    if errors:
        raise InvalidFeedback(tuple(errors))
    assert isinstance(quote_id, str)  # noqa: S101  # checked above
    assert isinstance(sale_price, int)  # noqa: S101
    return Feedback(quote_id=quote_id, sale_price=sale_price)


def _store(feedback: Feedback, client: str, journal: Journal, forwarder: Forwarder) -> None:
    forwarder.forward(within_s=CATCH_UP_S)
    journal.add_feedback(
        quote_id=feedback.quote_id,
        sale_price=feedback.sale_price,
        reported_at=datetime.now(UTC),
        client=client,
    )


def _error(field: str, value: object, expected: str) -> FieldError:
    return FieldError(field=field, position=None, received=describe_value(value), expected=expected)
