"""What the price service answers, as far as the page speaks of it."""

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict


class AnswerModel(BaseModel):
    """What the service answers; fields that the page does not speak of are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class QuoteView(AnswerModel):
    """A quote."""

    price: int
    low: int
    high: int
    model_version: str
    data_as_of: str
    warnings: tuple[str, ...]
    quote_id: str


class ModelOptionView(AnswerModel):
    """A model in the spelling that people know."""

    name: str


class OptionsView(AnswerModel):
    """Makes, regions, and the models of the make that was asked for."""

    makes: tuple[str, ...]
    models: tuple[ModelOptionView, ...]
    regions: tuple[str, ...]


class ModelCardView(AnswerModel):
    """The part of the model's card that the page shows."""

    data_source: str = "unknown"
    source_description: str = ""
    data_as_of: str = ""
    trained_at: str = ""
    metrics: Mapping[str, float] = {}
    limits: tuple[str, ...] = ()


class ModelView(AnswerModel):
    """The model in use."""

    version: str
    card: ModelCardView


class FieldProblemView(AnswerModel):
    """One field that cannot be used."""

    field: str
    expected: str


class ProblemView(AnswerModel):
    """Why the service did not do what it was asked."""

    type: str = "about:blank"
    detail: str
    errors: tuple[FieldProblemView, ...] = ()


class ContributionView(AnswerModel):
    """What one part of the car adds to its price, in dollars."""

    label: str
    dollars: int


class ExplanationView(AnswerModel):
    """From a usual car's price to this one's."""

    start: int
    start_label: str
    items: tuple[ContributionView, ...]


class ComparableView(AnswerModel):
    """A similar car that was offered."""

    manufacturer: str
    model: str
    year: int
    odometer: int | None
    condition: str | None
    state: str | None
    region: str | None
    price: int
    posted_at: date


class ExplainedQuoteView(AnswerModel):
    """A quote with what it rests on."""

    quote: QuoteView
    reasons: ExplanationView
    comparables: tuple[ComparableView, ...]


class CurvePointView(AnswerModel):
    """A price with its range, at one mileage or model year."""

    value: int
    price: int
    low: int
    high: int


class CurvesView(AnswerModel):
    """Prices over the miles and over the model year."""

    odometer: tuple[CurvePointView, ...]
    year: tuple[CurvePointView, ...]
