"""`POST /explain`: a quote with an explanation; `POST /curves`, `POST /missing`: prices of similar cars."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from functools import partial

from fastapi import Request
from starlette.responses import Response

from carvalue.listings import CURRENCY, DISTANCE, READERS, InvalidValue, Listing
from carvalue.pricing.explain import explain_price, missing_answers, what_if_curves
from carvalue.serving.model import LiveModel, LoadedModel
from carvalue.serving.quotes import QuoteService
from carvalue.serving.requests import InvalidListings, invalid_value, read_json, read_listing

Answer = dict[str, object]
UNITS: Answer = {"currency": CURRENCY.code, "distance_unit": DISTANCE.unit}
"""The units of an answer."""
CURVES = ("odometer", "year")
MAX_VALUES = 100  # of a query parameter; the range of the years has fewer


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
    explained = await asyncio.to_thread(explanation, loaded, listing)
    return json_response({**UNITS, "quote": quote.as_json(), **explained})


async def answer_curves(request: Request, *, live: LiveModel) -> Response:
    """Answer one listing with its price over mileage and over model year; nothing is journaled.

    Args:
        request: its body is one listing; the query parameters `odometer` and `year` may list values to quote.
        live: the model in use.

    Returns:
        A JSON object with the curves `odometer` and `year`.

    Raises:
        InvalidListings: the body is not one listing, or a query parameter is no value of its field.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    miles, years = (requested_values(request.query_params.getlist(name), name) for name in CURVES)
    curves = partial(what_if_curves, live.current().model, listing, miles=miles, years=years)
    return json_response({**UNITS, **asdict(await asyncio.to_thread(curves))})


async def answer_missing(request: Request, *, live: LiveModel) -> Response:
    """Answer one listing with what each field that it lacks would change; nothing is journaled.

    Args:
        request: its body is one listing.
        live: the model in use.

    Returns:
        A JSON object with `missing`: a list of fields, the one that narrows the interval most first.

    Raises:
        InvalidListings: the body is not one listing.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    missing = await asyncio.to_thread(missing_answers, live.current().model, listing)
    return json_response({**UNITS, "missing": [asdict(answer) for answer in missing]})


def requested_values(texts: Sequence[str], name: str) -> list[int]:
    """Read the values of a query parameter.

    Args:
        texts: Values of the parameter, each one number or several, separated by commas without spaces.
        name: Name of the number field.

    Returns:
        The numbers.

    Raises:
        InvalidListings: A value is not accepted by the field, or there are more than `MAX_VALUES`.

    >>> requested_values(["12000,90000", "150k"], "odometer")
    [12000, 90000, 150000]
    """
    values = [part for text in texts for part in text.split(",") if part.strip()]
    if len(values) > MAX_VALUES:
        raise InvalidListings((invalid_value(name, f"{len(values)} values", f"at most {MAX_VALUES} values"),))
    numbers = []
    for value in values:
        try:
            numbers.append(int(READERS[name](value) or 0))
        except InvalidValue as invalid:
            raise InvalidListings((invalid_value(name, value, str(invalid)),)) from None
    return numbers


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
        "comparables": [dict(comparable) for comparable in comparables],
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
