"""What a form needs to offer: makes and models from the model in use, fields from the schema."""

from collections.abc import Mapping
from dataclasses import dataclass

from carvalue.listings import FIELDS, Field, NumberField
from carvalue.pricing import PriceModel
from carvalue.pricing.market import ModelFamily, alphanumeric


@dataclass(frozen=True, kw_only=True)
class FieldOption:
    """One field of a listing: a number has a range and a unit, a closed category has choices."""

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
    """A model in its usual spelling, and how many listings the price model has learned of it."""

    name: str
    listings: int


@dataclass(frozen=True, kw_only=True)
class Options:
    """Offers, the most frequent in the training data first.

    Attributes:
        makes: every make that the model knows.
        regions: every region that it knows.
        models: the asked make's models that match, cut off at the asked limit.
        matching: how many models match before the cut.
    """

    makes: tuple[str, ...]
    regions: tuple[str, ...]
    models: tuple[ModelOption, ...]
    matching: int
    fields: tuple[FieldOption, ...]


def options(model: PriceModel, *, make: str, search: str, limit: int) -> Options:
    """Find what to offer: models of `make` that begin like `search`, then those that hold it."""
    matching = _matching(model.models_of(make) if make else (), search)
    return Options(
        makes=model.makes,
        regions=model.regions,
        models=tuple(ModelOption(*family) for family in matching[:limit]),
        matching=len(matching),
        fields=tuple(map(field_option, FIELDS)),
    )


def vocabulary_sizes(model: PriceModel) -> Mapping[str, int]:
    """Count the words that the model knows."""
    models = sum(len(model.models_of(make)) for make in model.makes)
    return {"makes": len(model.makes), "models": models, "regions": len(model.regions)}


def _matching(models: tuple[ModelFamily, ...], search: str) -> tuple[ModelFamily, ...]:
    wanted = alphanumeric(search)
    holding = [model for model in models if wanted in alphanumeric(model.display_name)]
    # sorting is stable
    return tuple(sorted(holding, key=lambda model: not alphanumeric(model.display_name).startswith(wanted)))


def field_option(field: Field) -> FieldOption:
    """Describe one field of a listing."""
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
