"""Answers that quote a price, and what explains it."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from carvalue.api.messages.feedback import RatingChoice
from carvalue.api.messages.units import Currency, DistanceUnit, Moment, StoredListing
from carvalue.listings import MARKET

MAX_COMPARABLES = 12
SupportGrade = Literal["none", "few", "some", "many"]


class Support(Struct, frozen=True, kw_only=True):
    """How many training listings resemble this one.

    The interval of grade `none` is calibrated on listings whose names were hidden.

    Attributes:
        make: Listings of the make.
        family: Listings of the make and model family.
        trim: Listings of the family with the same known words in their names.
        year: Listings of the family and model year.
        grade: What the numbers mean for the price.
    """

    make: int
    family: int
    trim: int
    year: int
    grade: SupportGrade


class AnyQuote(Struct, frozen=True, kw_only=True):
    """A quote of the model in use, or of a former one: then the nullable properties are null.

    Attributes:
        price: The most likely asking price, in the market's currency.
        low: The lower end of the price interval.
        high: The upper end of the price interval.
        currency: The currency of all prices, ISO 4217.
        model_version: The version of the model that quoted.
        data_as_of: The day of the newest training listing.
        warnings: What makes this quote less certain.
        quote_id: Identifies the quote; 32 hexadecimal digits.
        support: How many training listings resemble this one.
        calibrated_low: The lower end of the interval before reported sales corrected it; absent while they
            do not.
        calibrated_high: The upper end of that interval.
    """

    price: int
    low: int
    high: int
    currency: Currency
    model_version: str
    data_as_of: date | None
    warnings: tuple[str, ...]
    quote_id: str
    support: Support | None
    calibrated_low: int | UnsetType = UNSET
    calibrated_high: int | UnsetType = UNSET


class Quote(AnyQuote, frozen=True, kw_only=True):
    """The asking price of one listing, by the model in use.

    Attributes:
        price: The most likely asking price, in the market's currency.
        low: The lower end of the price interval.
        high: The upper end of the price interval.
        currency: The currency of all prices, ISO 4217.
        model_version: The version of the model that quoted.
        data_as_of: The day of the newest training listing.
        warnings: What makes this quote less certain.
        quote_id: Identifies the quote; 32 hexadecimal digits.
        support: How many training listings resemble this one.
        calibrated_low: The lower end of the interval before reported sales corrected it; absent while they
            do not.
        calibrated_high: The upper end of that interval.
        recorded: Present if the quote could not be recorded, because the disk of the service is full: no sale
            can be reported for it.
    """

    data_as_of: date
    support: Support
    recorded: Literal[False] | UnsetType = UNSET


class Reason(Struct, frozen=True, kw_only=True):
    """What one part of the listing adds to the price.

    Attributes:
        group: Name of the part.
        fields: The fields of the part.
        label: This part of the listing as text.
        amount: What it adds to the price, in the market's currency; negative if it lowers the price.
    """

    group: str
    fields: tuple[str, ...]
    label: str
    amount: int


class Reasons(Struct, frozen=True, kw_only=True):
    """The steps from the price of a typical listing to this price.

    Attributes:
        start: Price of a typical listing; the price is this plus all amounts.
        start_label: Description of the typical listing.
        items: The steps, the largest first.
    """

    start: int
    start_label: str
    items: tuple[Reason, ...]


class ComparableListing(Struct, frozen=True, kw_only=True):
    """A similar listing of the training data, with the fields that the market compares.

    Attributes:
        manufacturer: Its make.
        model: Its model.
        year: Its model year.
        odometer: Its odometer reading; null if it is not known.
        price: Its asking price, in the market's currency.
        posted_at: Day of the advertisement.
    """

    manufacturer: str
    model: str
    year: int
    odometer: int | None
    price: int
    posted_at: date

    def category(self, name: str) -> str | None:
        """Look up another field that the market compares.

        Args:
            name: Name of the field.

        Returns:
            The category; None if the seller gave none or the market does not compare the field.
        """
        value: str | None = getattr(self, name, None)
        return value


if TYPE_CHECKING:
    Comparable = ComparableListing
else:
    Comparable = defstruct(
        "Comparable",
        [(name, str | None, None) for name in MARKET.compared],
        bases=(ComparableListing,),
        namespace={"__doc__": ComparableListing.__doc__},
        frozen=True,
        kw_only=True,
    )

Comparables = Annotated[tuple[Comparable, ...], Meta(max_length=MAX_COMPARABLES)]


class AnyExplainedQuote(Struct, frozen=True, kw_only=True):
    """A quote with reasons and similar listings, of the model in use or of a former one.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        quote: The quote.
        reasons: What the price consists of; null for a former model.
        comparables: Similar listings, the most similar first; empty for a former model.
    """

    currency: Currency
    distance_unit: DistanceUnit
    quote: AnyQuote
    reasons: Reasons | None
    comparables: Comparables


class ExplainedQuote(AnyExplainedQuote, frozen=True, kw_only=True):
    """A quote with reasons and similar listings.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        quote: The quote.
        reasons: What the price consists of.
        comparables: Similar listings, the most similar first.
    """

    quote: Quote
    reasons: Reasons


class StoredQuote(AnyExplainedQuote, frozen=True, kw_only=True):
    """A quote that was given before.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        quote: The quote as it was given.
        listing: The listing as it was entered.
        quoted_at: When the quote was given.
        rating: The newest rating of the quote; null if it has none.
        reasons: What the price consists of; null if the model that quoted is no longer in use.
        comparables: Similar listings; empty if the model that quoted is no longer in use.
    """

    listing: StoredListing
    quoted_at: Moment
    rating: RatingChoice | None
