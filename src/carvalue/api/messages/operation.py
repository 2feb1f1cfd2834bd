"""Answers about the service itself: the options of a form, the model in use, readiness."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from carvalue.api.messages.units import Currency, DistanceUnit, Moment, Share, Text
from carvalue.listings import Field, NumberField

MAX_MODELS = 500  # a select with thousands of options is slow


class OptionsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the options of a form depend on.

    Attributes:
        make: The make whose models are listed.
        q: Text that the listed models contain.
        model: The model whose trims are listed.
        limit: How many models are listed at most.
    """

    make: Text = ""
    q: Text = ""
    model: Text = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_MODELS)] = 50


class FieldOption(Struct, frozen=True, kw_only=True):
    """One field of a listing.

    Attributes:
        name: Name in a request.
        label: Name for people.
        help: One sentence about the field.
        required: Whether a listing must have it.
        unit: Unit of a number, such as `miles`; null for a category.
        minimum: Smallest number that is accepted; null for a category.
        maximum: Largest number that is accepted; null for a category.
        choices: Every value of a closed category; empty for numbers and open categories.
    """

    name: str
    label: str
    help: str
    required: bool
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()


def field_option(field: Field) -> FieldOption:
    """Describe one field of a listing for a form.

    Args:
        field: a field of the listing schema.

    Returns:
        The description.

    >>> from carvalue.listings import FIELD_BY_NAME
    >>> field_option(FIELD_BY_NAME["odometer"]).unit
    'miles'
    """
    if isinstance(field, NumberField):
        return FieldOption(
            name=field.name,
            label=field.label,
            help=field.help,
            required=field.required,
            unit=field.unit,
            minimum=field.minimum,
            maximum=field.maximum,
        )
    return FieldOption(
        name=field.name, label=field.label, help=field.help, required=field.required, choices=field.choices
    )


class ModelOption(Struct, frozen=True, kw_only=True):
    """A model of a make.

    Attributes:
        name: Its display name.
        listings: How many listings of it are in the training data.
    """

    name: str
    listings: int


class Trim(Struct, frozen=True, kw_only=True):
    """A trim of a model.

    Attributes:
        name: The word as sellers write it, in lower case.
        listings: How many training listings of the model have it.
        share: The same as a share of all listings of the model.
    """

    name: str
    listings: int
    share: Share


class Options(Struct, frozen=True, kw_only=True):
    """The options of a form, the most frequent in the training data first.

    Attributes:
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        makes: Every make that the model knows.
        regions: Every region that it knows.
        models: Models of the requested make that match the search, at most as many as requested.
        matching: How many models match.
        fields: Every field of a listing.
        trims: Trims of the requested model, with their share of its training listings.
    """

    currency: Currency
    distance_unit: DistanceUnit
    makes: tuple[str, ...]
    regions: tuple[str, ...]
    models: tuple[ModelOption, ...]
    matching: int
    fields: tuple[FieldOption, ...]
    trims: tuple[Trim, ...] = ()


class PublicModelCard(Struct, frozen=True, kw_only=True):
    """Facts about the model in use. Its bundle contains them.

    Attributes:
        data_source: Kind of the training data: kaggle, file or sample.
        source_description: Where the training data comes from, in a sentence.
        dataset_fingerprint: Hash of the datasets that the model was trained on.
        git_commit: Commit of the program that trained it.
        data_as_of: The day of the newest training listing.
        trained_at: When it was trained.
        newest_year: The newest model year of the training listings.
        rows: Number of listings by split.
        metrics: Metrics on the validation listings.
        params: Parameters of the boosting.
        versions: Versions of the libraries.
        limits: What the model must not be used for.
        market: The market that it was trained for.
        currency: The currency of its prices, ISO 4217.
        distance_unit: The unit of the odometer.
    """

    data_source: str
    source_description: str
    dataset_fingerprint: str
    git_commit: str
    data_as_of: date
    trained_at: Moment
    newest_year: int
    rows: Mapping[str, int]
    metrics: Mapping[str, float]
    params: Mapping[str, float]
    versions: Mapping[str, str]
    limits: tuple[str, ...]
    market: str
    currency: str
    distance_unit: str


class ModelAge(Struct, frozen=True, kw_only=True):
    """The version in use and its age.

    Attributes:
        version: Its version in the registry.
        age_days: Days since it was trained.
        data_age_days: Days since the newest training listing.
    """

    version: str
    age_days: float
    data_age_days: float


class Model(ModelAge, frozen=True, kw_only=True):
    """The model in use.

    Attributes:
        version: Its version in the registry.
        age_days: Days since it was trained.
        data_age_days: Days since the newest training listing.
        currency: The currency of all prices, ISO 4217.
        distance_unit: The unit of `odometer`.
        name: Its name in the registry.
        run_id: The run that trained it.
        registry: State of the registry.
        card: Facts about the model.
        test: Metrics on listings that were used for no other purpose.
        vocabulary: How many makes, models and regions it knows.
    """

    currency: Currency
    distance_unit: DistanceUnit
    name: str
    run_id: str
    registry: str
    card: PublicModelCard
    test: Mapping[str, float]
    vocabulary: Mapping[str, int]


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether the service can quote.

    Attributes:
        status: Whether it can.
        down: Name of a part that keeps the service from quoting -> why.
        degraded: Name of a part that does not work while quotes are still answered -> its state.
        model: The version in use; null if there is none.
    """

    status: Literal["ready", "not ready"]
    down: Mapping[str, str]
    degraded: Mapping[str, str]
    model: ModelAge | None


class Health(Struct, frozen=True, kw_only=True):
    """That the process is alive.

    Attributes:
        status: Always `alive`.
    """

    status: Literal["alive"]
