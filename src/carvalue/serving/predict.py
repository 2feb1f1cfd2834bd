"""`POST /predict`: the fast path from a request to its answer."""

from starlette.requests import Request
from starlette.responses import Response

from carvalue.api import read_listings
from carvalue.serving.http import json_response, read_json
from carvalue.serving.quotes import QuoteService


async def answer_predict(request: Request, quotes: QuoteService) -> Response:
    """Answer one listing with a quote, and a list of listings with a list of quotes.

    Args:
        request: its body is one listing or a list.
        quotes: quotes the listings.

    Returns:
        A JSON object, or a list in the order of the listings.

    Raises:
        InvalidListings: the body holds something other than listings.
        TooManyListings: the list is too long.
        ModelNotLoaded: there is no model yet.
    """
    value = await read_json(request)
    listings, scope = read_listings(value), request.scope
    answered = await quotes.answer(listings, client=scope["journal_client"], route=scope["journal_route"])
    return json_response(answered if isinstance(value, list) else answered[0])
