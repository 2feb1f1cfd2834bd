"""`POST /explain` and `POST /curves`: a quote with its reasons, and prices of what the car is not."""

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


async def post_reasons(request: Request, *, live: LiveModel, quoting: QuoteService) -> Response:
    """Answer one listing with its quote, recorded as any, the reasons for the price and similar cars."""
    listing = read_listing(await read_json(request))
    in_use = live.in_use()
    (quote,) = await quoting.answer((listing,), by=in_use)
    return _json({"quote": quote.as_json(), **await asyncio.to_thread(_background, in_use, listing)})


async def post_curves(request: Request, *, live: LiveModel) -> Response:
    """Answer one listing with its price over the miles and over the year; no quote, nothing recorded."""
    listing = read_listing(await read_json(request))
    return _json(asdict(await asyncio.to_thread(what_if_curves, live.in_use().model, listing)))


def _background(in_use: LoadedModel, listing: Listing) -> Answer:
    model = in_use.model
    comparables = model.comparables.nearest(model.scored_listing(listing))
    return {
        "reasons": asdict(explain_price(model, listing)),
        "comparables": [asdict(comparable) for comparable in comparables],
    }


def _json(answer: Answer) -> Response:
    return Response(
        json.dumps(answer, allow_nan=False, default=date.isoformat), media_type="application/json"
    )
