"""Answers about prices of other listings than the quoted one, and about the distribution of its price."""

from datetime import date

from msgspec import Struct

from carvalue.api.messages.quotes import Support
from carvalue.api.messages.units import Currency, DistanceUnit, Share

ANSWERED_LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Probabilities of the quantiles that `POST /distribution` answers."""


class Quantile(Struct, frozen=True, kw_only=True):
    """A quantile of the asking price.

    Attributes:
        level: Probability that the asking price is at most this price.
        price: The price, in the market's currency.
    """

    level: float
    price: int


class RankedAskingPrice(Struct, frozen=True, kw_only=True):
    """The rank of an asking price.

    Attributes:
        price: The asking price.
        share_below: Share of such listings with a lower asking price: the rank of the asking price.
        share_above: Probability that such a listing has a higher asking price.
    """

    price: int
    share_below: Share
    share_above: Share


class Distribution(Struct, frozen=True, kw_only=True):
    """The predictive distribution of the asking price of a listing.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        model_version: The version of the model.
        data_as_of: The day of the newest training listing.
        quantiles: The lowest first; of 5, 50 and 95 % they are `low`, `price` and `high` of the quote.
        asking: The rank of the asking price; null if none was asked for.
        support: How many training listings resemble this one.
        warnings: What makes the distribution less certain.
    """

    currency: Currency
    model_version: str
    data_as_of: date
    quantiles: tuple[Quantile, ...]
    asking: RankedAskingPrice | None
    support: Support
    warnings: tuple[str, ...]


class CurvePoint(Struct, frozen=True, kw_only=True):
    """The price at one odometer reading or model year.

    Attributes:
        value: The odometer reading or the model year.
        price: The most likely asking price, in the market's currency.
        low: The lower end of the price interval.
        high: The upper end of the price interval.
    """

    value: int
    price: int
    low: int
    high: int


class Curves(Struct, frozen=True, kw_only=True):
    """Prices of a listing at other odometer readings and in other model years.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        odometer: Prices over the odometer reading, in ascending order.
        year: Prices over the model year, in ascending order.
        assumed_odometer: The listing's odometer reading; without one, the reading whose price is that of the
            listing.
    """

    currency: Currency
    distance_unit: DistanceUnit
    odometer: tuple[CurvePoint, ...]
    year: tuple[CurvePoint, ...]
    assumed_odometer: int | None


class PossibleValue(Struct, frozen=True, kw_only=True):
    """A value that the listing could have in a field that it lacks.

    Attributes:
        value: The value.
        share: Share of the model's training listings with this value; null if it was not counted.
        price: The most likely asking price with this value, in the market's currency.
        low: The lower end of the price interval.
        high: The upper end of the price interval.
    """

    value: str | int
    share: Share | None
    price: int
    low: int
    high: int


class MissingAnswer(Struct, frozen=True, kw_only=True):
    """A field that the listing lacks.

    Attributes:
        field: Its name; `trim` for words that are missing in the model.
        narrower: Share by which the interval gets narrower on average, once the field is filled.
        values: The prices with each value.
    """

    field: str
    narrower: float
    values: tuple[PossibleValue, ...]


class MissingAnswers(Struct, frozen=True, kw_only=True):
    """The fields that a listing lacks.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        missing: The fields, the one that narrows the interval most first.
    """

    currency: Currency
    distance_unit: DistanceUnit
    missing: tuple[MissingAnswer, ...]
