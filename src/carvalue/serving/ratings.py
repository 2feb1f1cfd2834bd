"""`PUT /quotes/ID/rating`: what somebody thinks of a quote."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from carvalue.api import FieldError, InvalidListings, RatingChoice, StoredRating, describe_value
from carvalue.journal import RATING_CHOICES, Forwarder, Journal, Rating
from carvalue.serving.http import json_response, read_json
from carvalue.serving.stored_quotes import requested_quote_id, with_stored_quote

EXPECTED = f"one of {', '.join(RATING_CHOICES)}"


class InvalidRating(InvalidListings):
    """The body is JSON but not a rating; `errors` names what is wrong."""


async def store_rating(request: Request, *, journal: Journal, forwarder: Forwarder) -> Response:
    """Store what somebody thinks of a quote. A later rating replaces an earlier one.

    Args:
        request: its path has the id of the quote, its body `rating`.
        journal: where the rating is stored.
        forwarder: forwards recent quotes to the journal first.

    Returns:
        A JSON object with what was stored.

    Raises:
        InvalidRating: the rating is missing or unknown.
        UnknownQuote: no quote has this id.
        StoredQuotesUnavailable: the journal does not answer.
    """
    quote_id, rating = requested_quote_id(request), read_rating(await read_json(request))
    client = request.scope["journal_client"]

    def store(quote_id: str) -> None:
        journal.rate(quote_id=quote_id, rating=rating, rated_at=datetime.now(UTC), client=client)

    await with_stored_quote(request, store, quote_id, forwarder=forwarder)
    return json_response(StoredRating(quote_id=quote_id, rating=RatingChoice(rating)))


def read_rating(value: object) -> Rating:
    """Validate a JSON value as a rating.

    Args:
        value: a JSON value: an object with `rating`.

    Returns:
        The rating.

    Raises:
        InvalidRating: the rating is missing or unknown, or there are other fields.

    >>> read_rating({"rating": "too low"})
    'too low'
    """
    if not isinstance(value, dict):
        raise InvalidRating((_error("", value, "an object with rating"),))
    errors = [_error(name, value[name], "rating") for name in value if name != "rating"]
    choice = next((rating for rating in RATING_CHOICES if rating == value.get("rating")), None)
    if choice is None:
        errors.append(_error("rating", value.get("rating"), EXPECTED))
    if errors or choice is None:
        raise InvalidRating(tuple(errors))
    return choice


def _error(field: str, value: object, expected: str) -> FieldError:
    return FieldError(field=field, position=None, received=describe_value(value), expected=expected)
