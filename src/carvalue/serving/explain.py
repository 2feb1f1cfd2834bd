"""`POST /explain`, `POST /distribution`: more about a price; `/curves`, `/missing`: what-if prices."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import convert
from starlette.requests import Request
from starlette.responses import Response

from carvalue.api import (
    ANSWERED_LEVELS,
    ASKING_PRICE,
    CURVE_FIELDS,
    MAX_ASKING_PRICE,
    MAX_COMPARABLES,
    MAX_VALUES,
    Comparable,
    CurvePoint,
    Curves,
    Distribution,
    ExplainedQuote,
    InvalidListings,
    MissingAnswer,
    MissingAnswers,
    Quantile,
    Quote,
    RankedAskingPrice,
    Reasons,
    invalid_value,
    read_listing,
)
from carvalue.listings import CURRENCY, DISTANCE, READERS, InvalidValue, Listing, parse_number
from carvalue.pricing.explain import explain_price, missing_answers, what_if_curves
from carvalue.serving.canary import Canary
from carvalue.serving.http import json_response, read_json
from carvalue.serving.model import LoadedModel
from carvalue.serving.quotes import QuoteService, support_of

AnswerT = TypeVar("AnswerT")


async def answer_explain(request: Request, *, canary: Canary, quotes: QuoteService) -> Response:
    """Answer one listing with its quote, which is journaled, an explanation of the price and similar cars.

    Args:
        request: its body is one listing.
        canary: chooses the model.
        quotes: quotes the listing.

    Returns:
        A JSON object with `quote`, `reasons` and `comparables`.

    Raises:
        InvalidListings: the body is not one listing.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    client, route = request.scope["journal_client"], request.scope["journal_route"]

    async def explained(loaded: LoadedModel) -> tuple[Quote, Reasons, tuple[Comparable, ...]]:
        reasons, comparables = await asyncio.to_thread(explanation, loaded, listing)
        (quote,) = await quotes.answer((listing,), client=client, route=route, loaded=loaded)
        return quote, reasons, comparables

    quote, reasons, comparables = await canary.answer(client, listing, explained)
    return json_response(
        ExplainedQuote(
            currency=CURRENCY.code,
            distance_unit=DISTANCE.unit,
            quote=quote,
            reasons=reasons,
            comparables=comparables,
        )
    )


async def answer_curves(request: Request, *, canary: Canary) -> Response:
    """Answer one listing with its price over mileage and over model year; nothing is journaled.

    Args:
        request: its body is one listing; the query parameters `odometer` and `year` may list values to quote.
        canary: chooses the model.

    Returns:
        A JSON object with the curves `odometer` and `year`.

    Raises:
        InvalidListings: the body is not one listing, or a query parameter is no value of its field.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    miles, years = (requested_values(request.query_params.getlist(name), name) for name in CURVE_FIELDS)
    curves = await _answer(
        request,
        canary,
        listing,
        lambda loaded: what_if_curves(loaded.model, listing, miles=miles, years=years),
    )
    return json_response(
        Curves(
            currency=CURRENCY.code,
            distance_unit=DISTANCE.unit,
            odometer=convert(curves.odometer, tuple[CurvePoint, ...], from_attributes=True),
            year=convert(curves.year, tuple[CurvePoint, ...], from_attributes=True),
            assumed_odometer=curves.assumed_odometer,
        )
    )


async def answer_missing(request: Request, *, canary: Canary) -> Response:
    """Answer one listing with what each field that it lacks would change; nothing is journaled.

    Args:
        request: its body is one listing.
        canary: chooses the model.

    Returns:
        A JSON object with `missing`: a list of fields, the one that narrows the interval most first.

    Raises:
        InvalidListings: the body is not one listing.
        ModelNotLoaded: there is no model yet.
    """
    listing = read_listing(await read_json(request))
    missing = await _answer(request, canary, listing, lambda loaded: missing_answers(loaded.model, listing))
    return json_response(
        MissingAnswers(
            currency=CURRENCY.code,
            distance_unit=DISTANCE.unit,
            missing=convert(missing, tuple[MissingAnswer, ...], from_attributes=True),
        )
    )


async def answer_distribution(request: Request, *, canary: Canary) -> Response:
    """Answer one listing with the predictive distribution of its asking price; nothing is journaled.

    Args:
        request: its body is one listing; the query parameter `asking_price` may be a price to rank.
        canary: chooses the model.

    Returns:
        A JSON object with `quantiles`, of which 0.05, 0.5 and 0.95 are those of the quote, and `asking`.

    Raises:
        InvalidListings: the body is not one listing, or the query is not one asking price.
        ModelNotLoaded: there is no model yet.
        QuantilesUnknown: the model was trained by a release without quantiles.
    """
    listing = read_listing(await read_json(request))
    asking = requested_asking_price(request.query_params.multi_items())
    return json_response(
        await _answer(request, canary, listing, lambda loaded: distribution(loaded, listing, asking))
    )


async def _answer(
    request: Request, canary: Canary, listing: Listing, work: Callable[[LoadedModel], AnswerT]
) -> AnswerT:
    """Work in a thread, with the model that is chosen for the request."""

    async def answered(loaded: LoadedModel) -> AnswerT:
        return await asyncio.to_thread(work, loaded)

    return await canary.answer(request.scope["journal_client"], listing, answered)


def requested_asking_price(query: Sequence[tuple[str, str]]) -> int | None:
    """Read the query of `POST /distribution`.

    Args:
        query: Name and value of each parameter.

    Returns:
        The asking price in the market's currency; None if the query is empty.

    Raises:
        InvalidListings: A parameter has another name, is repeated, or is no price.

    >>> requested_asking_price([("asking_price", "21,500")])
    21500
    """
    expected = f"one whole number from 1 to {MAX_ASKING_PRICE} {CURRENCY.name}"
    asking = None
    for name, text in query:
        if name != ASKING_PRICE:
            raise InvalidListings((invalid_value(name, text, f"no other parameter than {ASKING_PRICE}"),))
        number = parse_number(text)
        if asking is not None or type(number) is not int or not 1 <= number <= MAX_ASKING_PRICE:
            raise InvalidListings((invalid_value(name, text, expected),))
        asking = number
    return asking


def distribution(loaded: LoadedModel, listing: Listing, asking: int | None) -> Distribution:
    """Predict the distribution of the asking price of a listing, and rank an asking price in it.

    Args:
        loaded: the model.
        listing: the car.
        asking: the price to rank, in the market's currency; None for none.

    Returns:
        Quantiles, and what a quote says of the model, the support and the warnings.
    """
    model = loaded.model
    predicted, (quote,) = model.distribution(listing), model.quote_many((listing,))
    prices = predicted.quantiles(ANSWERED_LEVELS)
    return Distribution(
        currency=CURRENCY.code,
        model_version=str(loaded.version.version),
        data_as_of=model.card.data_as_of,
        quantiles=tuple(
            Quantile(level=level, price=price) for level, price in zip(ANSWERED_LEVELS, prices, strict=True)
        ),
        asking=None if asking is None else _ranked(asking, share_below=predicted.share_below(asking)),
        support=support_of(quote.support),
        warnings=quote.warnings,
    )


def _ranked(asking: int, *, share_below: float) -> RankedAskingPrice:
    return RankedAskingPrice(price=asking, share_below=share_below, share_above=1 - share_below)


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


def explanation(loaded: LoadedModel, listing: Listing) -> tuple[Reasons, tuple[Comparable, ...]]:
    """Explain the price of a listing, and find similar cars.

    Args:
        loaded: the model.
        listing: the car.

    Returns:
        What the price consists of, and similar cars, the most similar first.
    """
    model = loaded.model
    comparables = model.comparables.nearest(model.scored_listing(listing), limit=MAX_COMPARABLES)
    reasons = convert(explain_price(model, listing), Reasons, from_attributes=True)
    return reasons, tuple(convert(dict(comparable), Comparable) for comparable in comparables)
