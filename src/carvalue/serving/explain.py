"""`POST /explain`: a quote with an explanation; `POST /curves`: prices at other mileages and years."""

import asyncio
import json
from dataclasses import asdict
from datetime import date

from fastapi import Request
from starlette.responses import Response

from carvalue.listings import Listing
from carvalue.pricing.explain import explain_price, what_if_curves
from carvalue.serving.model import LiveModel, LoadedModel
from carvalue.serving.quotes import QuoteService
from carvalue.serving.requests import read_json, read_listing

Answer = dict[str, object]


async def answer_explain(request: Request, *, live: LiveModel, quotes: QuoteService) -> Response:
    """Answer one listing with its quote, which is journaled, an explanation of the price and similar cars.

    Args:
        request: its body is one listing.
        live: the model in use.
        quotes: quotes the listing.

    Returns:
        A JSON object with `quote`, `reasons` and `comparables`.

    Raises:
        InvalidListings: the body is not one listing.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    loaded = live.current()
    client, route = request.scope["journal_client"], request.scope["journal_route"]
    (quote,) = await quotes.answer((listing,), client=client, route=route, loaded=loaded)
    return json_response({"quote": quote.as_json(), **await asyncio.to_thread(explanation, loaded, listing)})


async def answer_curves(request: Request, *, live: LiveModel) -> Response:
    """Answer one listing with its price over mileage and over model year; nothing is journaled.

    Args:
        request: its body is one listing.
        live: the model in use.

    Returns:
        A JSON object with the curves `odometer` and `year`.

    Raises:
        InvalidListings: the body is not one listing.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    return json_response(asdict(await asyncio.to_thread(what_if_curves, live.current().model, listing)))


def explanation(loaded: LoadedModel, listing: Listing) -> Answer:
    """Explain the price of a listing, and find similar cars.

    Args:
        loaded: the model.
        listing: the car.

    Returns:
        `reasons` and `comparables`.
    """
    model = loaded.model
    comparables = model.comparables.nearest(model.scored_listing(listing))
    return {
        "reasons": asdict(explain_price(model, listing)),
        "comparables": [asdict(comparable) for comparable in comparables],
    }


def json_response(answer: Answer) -> Response:
    """Encode an answer as JSON; dates become texts.

    Args:
        answer: the object.

    Returns:
        The response.
    """
    return Response(
        json.dumps(answer, allow_nan=False, default=date.isoformat), media_type="application/json"
    )
