"""Answers of the price service, as far as the page shows them."""

from collections.abc import Mapping
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

RATINGS = ("useful", "too low", "too high")
"""What a visitor can say about a quote."""


class AnswerModel(BaseModel):
    """An answer of the service; fields that the page does not show are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class QuoteView(AnswerModel):
    """A quote.

    Attributes:
        price: Most likely asking price, in dollars.
        low: Lower end of the price range, in dollars.
        high: Upper end of the price range, in dollars.
        model_version: Version of the model in the registry.
        data_as_of: Date of the newest listing that the model was trained on, ISO 8601; None if the model of
            a stored quote is no longer in use.
        warnings: What the model did not know about the car.
        quote_id: Identifies the quote in the journal; 32 hexadecimal digits.
    """

    price: int
    low: int
    high: int
    model_version: str
    data_as_of: str | None
    warnings: tuple[str, ...]
    quote_id: str


class ModelOptionView(AnswerModel):
    """A car model of the training data.

    Attributes:
        name: Its display name.
    """

    name: str


class TrimView(AnswerModel):
    """A trim of a car model.

    Attributes:
        name: The word as sellers write it.
        listings: Number of training listings with this word.
        share: The same as a share of all listings of the model, from 0 to 1.
    """

    name: str
    listings: int
    share: float


class OptionsView(AnswerModel):
    """Suggestions for the fields that accept any text.

    Attributes:
        makes: Makes of the training data.
        models: Models of the requested make.
        regions: Regions of the training data.
        trims: Trims of the requested model.
    """

    makes: tuple[str, ...]
    models: tuple[ModelOptionView, ...]
    regions: tuple[str, ...]
    trims: tuple[TrimView, ...] = ()


class ModelCardView(AnswerModel):
    """The part of the model card that the page shows.

    Attributes:
        data_source: Kind of the training data: kaggle, file or sample.
        source_description: Where the training data comes from, in a sentence.
        data_as_of: Date of the newest listing in the training data, ISO 8601.
        trained_at: When the model was trained, ISO 8601.
        metrics: Metrics on the validation rows, by name.
        limits: What the model must not be used for.
    """

    data_source: str = "unknown"
    source_description: str = ""
    data_as_of: str = ""
    trained_at: str = ""
    metrics: Mapping[str, float] = {}
    limits: tuple[str, ...] = ()


class ModelView(AnswerModel):
    """The model in production.

    Attributes:
        version: Its version in the registry.
        card: Its model card.
    """

    version: str
    card: ModelCardView


class FieldProblemView(AnswerModel):
    """A field of a request that cannot be used.

    Attributes:
        field: Name of the field.
        expected: What the service accepts.
    """

    field: str
    expected: str


class ProblemView(AnswerModel):
    """An error answer of the service (RFC 9457).

    Attributes:
        type: Problem type, a URI; "about:blank" where the HTTP status says enough.
        detail: What went wrong, in a sentence.
        errors: The fields that cannot be used, if any.
    """

    type: str = "about:blank"
    detail: str
    errors: tuple[FieldProblemView, ...] = ()


class ContributionView(AnswerModel):
    """What one part of the car adds to its price.

    Attributes:
        label: The part of the car.
        amount: Its Shapley value, in the market's currency; negative if it lowers the price.
    """

    label: str
    amount: int


class ExplanationView(AnswerModel):
    """The steps from the price of the reference car to the price of this car.

    Attributes:
        start: Price of the reference car, in dollars.
        start_label: Description of the reference car.
        items: The steps in the order in which they are shown; with `start` they add up to the price.
    """

    start: int
    start_label: str
    items: tuple[ContributionView, ...]


class ComparableView(AnswerModel):
    """A similar car of the training data, with the categories that the market compares.

    Attributes:
        manufacturer: Its make.
        model: Its model.
        year: Its model year.
        odometer: Its mileage.
        price: Its asking price, in dollars.
        posted_at: Date of the advertisement.
    """

    model_config = ConfigDict(extra="allow")

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
        return (self.model_extra or {}).get(name)


class ExplainedQuoteView(AnswerModel):
    """A quote with its explanation.

    Attributes:
        quote: The quote.
        reasons: What the price consists of; None for a stored quote of a former model.
        comparables: Similar cars, the most similar first.
    """

    quote: QuoteView
    reasons: ExplanationView | None
    comparables: tuple[ComparableView, ...]


class StoredQuoteView(AnswerModel):
    """A quote that was given before.

    Attributes:
        quote: The quote.
        listing: The car as it was entered.
        quoted_at: When the quote was given.
        rating: The newest rating of the quote; None if it has none.
        reasons: What the price consists of; None if the model that quoted is no longer in use.
        comparables: Similar cars, the most similar first; empty if the model is no longer in use.
    """

    quote: QuoteView
    listing: Mapping[str, str | float | int | None]
    quoted_at: datetime
    rating: str | None = None
    reasons: ExplanationView | None
    comparables: tuple[ComparableView, ...]


class RankedAskingPriceView(AnswerModel):
    """The rank of an asking price.

    Attributes:
        price: The asking price, in dollars.
        share_below: Share of such cars that are advertised for less, from 0 to 1.
        share_above: Probability that such a car is advertised for more, from 0 to 1.
    """

    price: int
    share_below: float
    share_above: float


class QuantileView(AnswerModel):
    """A quantile of the asking price.

    Attributes:
        level: Probability that the asking price is at most `price`.
        price: In dollars.
    """

    level: float
    price: int


class DistributionView(AnswerModel):
    """The predictive distribution of the asking price of a car.

    Attributes:
        model_version: Version of the model in the registry.
        quantiles: The lowest first; those of 0.05, 0.5 and 0.95 are `low`, `price` and `high` of the quote.
        asking: The rank of the asking price; None if none was asked for.
    """

    model_version: str
    quantiles: tuple[QuantileView, ...]
    asking: RankedAskingPriceView | None


class PossibleValueView(AnswerModel):
    """A value that the car could have in a field that was left empty.

    Attributes:
        value: The value.
        price: Price with this value, in dollars.
    """

    value: str | int
    price: int


class MissingAnswerView(AnswerModel):
    """A field that was left empty.

    Attributes:
        field: Its name; `trim` for words that are missing in the model.
        narrower: By which share the price range gets narrower on average, once it is filled.
        values: The prices with each value.
    """

    field: str
    narrower: float
    values: tuple[PossibleValueView, ...]


class MissingAnswersView(AnswerModel):
    """The fields that were left empty.

    Attributes:
        missing: The fields, the one that narrows the price range most first.
    """

    missing: tuple[MissingAnswerView, ...]


class CurvePointView(AnswerModel):
    """The price at one mileage or model year.

    Attributes:
        value: The mileage in miles, or the model year.
        price: Most likely asking price, in dollars.
        low: Lower end of the price range, in dollars.
        high: Upper end of the price range, in dollars.
    """

    value: int
    price: int
    low: int
    high: int


class CurvesView(AnswerModel):
    """What-if prices.

    Attributes:
        odometer: Prices over the mileage, in ascending order.
        year: Prices over the model year, in ascending order.
    """

    odometer: tuple[CurvePointView, ...]
    year: tuple[CurvePointView, ...]
