"""The tools of the server. Each answer has the price range, the date of the data and what it rests on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from carvalue.client import (
    PricedCar,
    PriceServiceClient,
    price_text,
    rate_deal,
    support_in_words,
)
from carvalue.errors import AppError
from carvalue.listings import CURRENCY, MARKET
from carvalue.listings.recognition import read_vin

MAX_COMPARED = 4
INSTRUCTIONS = (
    f"Estimates asking prices of {MARKET.title}. Always tell the range, the date of the data "
    "(data_as_of) and the support along with a price: prices are those of that date, not of today."
)
Description = Annotated[
    str, Field(max_length=2_000, description='Such as "2015 ford f-150 xlt 80000 miles clean title tx".')
]


class PriceAnswer(BaseModel):
    """The price of a car.

    Attributes:
        understood: The fields that were read in the description.
        price: Most likely asking price.
        low: Lower end of the price range.
        high: Upper end of the price range.
        currency: Currency of all prices, ISO 4217.
        support: What the range promises.
        data_as_of: Date of the newest training listing, ISO 8601; prices are those of this date.
        warnings: What the model did not know about the car.
        quote_id: Identifies the stored quote.
    """

    understood: dict[str, str | float | int | None]
    price: int
    low: int
    high: int
    currency: str
    support: str
    data_as_of: str | None
    warnings: list[str]
    quote_id: str


class PriceStep(BaseModel):
    """A step of an explanation.

    Attributes:
        label: A part of the car.
        amount: What it adds to the price.
    """

    label: str
    amount: int


class ExplanationAnswer(BaseModel):
    """The price of a car with its explanation.

    Attributes:
        answer: The price.
        starts_from: Description of the reference car.
        start: Price of the reference car.
        steps: With `start`, their amounts add up to the price.
    """

    answer: PriceAnswer
    starts_from: str
    start: int
    steps: list[PriceStep]


class RatingAnswer(BaseModel):
    """The rating of an asking price.

    Attributes:
        rating: Great price, good price, fair price, high price, overpriced or suspiciously cheap.
        meaning: What the rating means.
        difference: Asking price minus most likely price.
        share_below: Share of such cars that are advertised for less, from 0 to 1.
        answer: The price.
    """

    rating: str
    meaning: str
    difference: int
    share_below: float
    answer: PriceAnswer


def create_server(client: PriceServiceClient) -> MCPServer:
    """Build the server; nothing is sent yet.

    Args:
        client: The price service.

    Returns:
        The server with its tools.
    """
    server = MCPServer("carvalue", instructions=INSTRUCTIONS)

    @server.tool()
    def price_car(description: Description) -> PriceAnswer:
        """Estimate the asking price of a used car."""
        return _price(client, description)

    @server.tool()
    def explain_price(description: Description) -> ExplanationAnswer:
        """Estimate the asking price of a used car, and explain which part of the car adds how much."""
        with _refusals():
            priced = price_text(client, description)
        reasons = priced.explained.reasons
        assert reasons is not None  # noqa: S101  # only a stored quote has none
        steps = [PriceStep(label=item.label, amount=item.amount) for item in reasons.items]
        return ExplanationAnswer(
            answer=_answer(priced), starts_from=reasons.start_label, start=reasons.start, steps=steps
        )

    @server.tool()
    def compare_cars(
        descriptions: Annotated[list[Description], Field(min_length=2, max_length=MAX_COMPARED)],
    ) -> list[PriceAnswer]:
        """Estimate the asking prices of two to four used cars."""
        return [_price(client, description) for description in descriptions]

    @server.tool()
    def decode_vin(
        vin: Annotated[str, Field(max_length=40, description="Vehicle identification number.")],
    ) -> dict[str, str | float | int | None]:
        """Decode a vehicle identification number offline: make, model, year, engine."""
        with _refusals():
            return dict(read_vin(vin).listing)

    @server.tool()
    def rate_asking_price(
        description: Description,
        asking: Annotated[int, Field(ge=1, le=1_000_000, description=f"Asking price in {CURRENCY.name}.")],
    ) -> RatingAnswer:
        """Rate the asking price of a used car."""
        with _refusals():
            priced = price_text(client, description)
            ranked = client.distribution(priced.listing, asking_price=asking).asking
        assert ranked is not None  # noqa: S101  # only without an asking price
        answer = _answer(priced)
        rating = rate_deal(asking, price=answer.price, low=answer.low, high=answer.high)
        return RatingAnswer(
            rating=rating.label,
            meaning=rating.meaning,
            difference=asking - answer.price,
            share_below=ranked.share_below,
            answer=answer,
        )

    return server


def _price(client: PriceServiceClient, description: str) -> PriceAnswer:
    with _refusals():
        return _answer(price_text(client, description))


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer expected failures in words; the protocol hides any other."""
    try:
        yield
    except AppError as error:
        raise ToolError(str(error)) from None


def _answer(priced: PricedCar) -> PriceAnswer:
    quote = priced.explained.quote
    return PriceAnswer(
        understood=dict(priced.listing),
        price=quote.price,
        low=quote.low,
        high=quote.high,
        currency=CURRENCY.code,
        support=support_in_words(priced.explained),
        data_as_of=quote.data_as_of.isoformat() if quote.data_as_of else None,
        warnings=list(quote.warnings),
        quote_id=quote.quote_id,
    )
