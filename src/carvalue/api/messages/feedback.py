"""Requests that say something about a quote: the sale of the vehicle, and a rating of the price."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from carvalue.api.messages.units import Currency, QuoteId

MAX_SALE_PRICE = 1_000_000  # for US cars ten times the highest asking price that the model is trained on
SalePrice = Annotated[int, Meta(ge=1, le=MAX_SALE_PRICE)]


class RatingChoice(StrEnum):
    """A visitor's opinion of a price."""

    USEFUL = "useful"
    TOO_LOW = "too low"
    TOO_HIGH = "too high"


class Feedback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sale of a quoted vehicle.

    Attributes:
        quote_id: Id of the quote, from the answer of `POST /predict`.
        sale_price: Price that the vehicle was sold for, in the market's currency.
    """

    quote_id: QuoteId
    sale_price: SalePrice


class StoredFeedback(Struct, frozen=True, kw_only=True):
    """The sale as it was stored.

    Attributes:
        quote_id: Id of the quote.
        sale_price: Price that the vehicle was sold for.
        currency: The currency of the price, ISO 4217.
    """

    quote_id: QuoteId
    sale_price: SalePrice
    currency: Currency


class Rating(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An opinion of a quote.

    Attributes:
        rating: The opinion.
    """

    rating: RatingChoice


class StoredRating(Struct, frozen=True, kw_only=True):
    """The rating as it was stored.

    Attributes:
        quote_id: Id of the quote.
        rating: The opinion.
    """

    quote_id: QuoteId
    rating: RatingChoice
