"""The options of a form: makes, models and regions that the price model knows, fields of the schema."""

from collections.abc import Mapping
from dataclasses import dataclass

from carvalue.listings import CURRENCY, DISTANCE, FIELDS, Field, NumberField
from carvalue.pricing import PriceModel
from carvalue.pricing.market import ModelFamily, Trim, alphanumeric, trims_of


@dataclass(frozen=True, kw_only=True)
class FieldOption:
    """One field of a listing.

    Attributes:
        name: name in a request.
        label: name for people.
        help: one sentence about the field.
        required: whether a listing must have it.
        unit: of a number, such as `miles`; None for a category.
        minimum: smallest number that is accepted; None for a category.
        maximum: largest number that is accepted; None for a category.
        choices: every value of a closed category; empty for numbers and open categories.
    """

    name: str
    label: str
    help: str
    required: bool
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelOption:
    """A car model.

    Attributes:
        name: its display name.
        listings: how many listings of it are in the training data.
    """

    name: str
    listings: int


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a form, the most frequent in the training data first.

    Attributes:
        currency: the currency of all prices, ISO 4217.
        distance_unit: the unit of `odometer`.
        makes: every make that the price model knows.
        regions: every region that it knows.
        models: models of the requested make that match the search, at most as many as requested.
        matching: how many models match.
        fields: every field of a listing.
        trims: trims of the requested model, with their share of its training listings.
    """

    currency: str
    distance_unit: str
    makes: tuple[str, ...]
    regions: tuple[str, ...]
    models: tuple[ModelOption, ...]
    matching: int
    fields: tuple[FieldOption, ...]
    trims: tuple[Trim, ...] = ()


def options(model: PriceModel, *, make: str, search: str, limit: int, trims_for: str = "") -> Options:
    """Find the options of a form: models of a make that begin with a text, then those that contain it.

    Args:
        model: the price model.
        make: a make in lower case; empty for no models.
        search: text to find in model names; case, spaces and punctuation are ignored.
        limit: how many models at most.
        trims_for: a model of the make whose trims are listed; empty for no trims.

    Returns:
        The options.
    """
    matching = _matching(model.models_of(make) if make else (), search)
    return Options(
        currency=CURRENCY.code,
        distance_unit=DISTANCE.unit,
        makes=model.makes,
        regions=model.regions,
        models=tuple(ModelOption(*family) for family in matching[:limit]),
        matching=len(matching),
        fields=tuple(map(field_option, FIELDS)),
        trims=trims_of(model.comparables, manufacturer=make, model=trims_for) if trims_for else (),
    )


def vocabulary_sizes(model: PriceModel) -> Mapping[str, int]:
    """Count the categories that a price model knows.

    Args:
        model: the price model.

    Returns:
        The numbers of `makes`, `models` and `regions`.
    """
    models = sum(len(model.models_of(make)) for make in model.makes)
    return {"makes": len(model.makes), "models": models, "regions": len(model.regions)}


def _matching(models: tuple[ModelFamily, ...], search: str) -> tuple[ModelFamily, ...]:
    wanted = alphanumeric(search)
    matching = [model for model in models if wanted in alphanumeric(model.display_name)]
    # sorting is stable: the most frequent stay first
    return tuple(sorted(matching, key=lambda model: not alphanumeric(model.display_name).startswith(wanted)))


def field_option(field: Field) -> FieldOption:
    """Describe one field of a listing for a form.

    Args:
        field: a field of the listing schema.

    Returns:
        The description.
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
