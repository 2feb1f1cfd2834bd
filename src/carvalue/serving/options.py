"""The options of a form: makes, models and regions that the price model knows, fields of the schema."""

from collections.abc import Mapping

from msgspec import convert

from carvalue.api import ModelOption, Options, Trim, field_option
from carvalue.listings import CURRENCY, DISTANCE, FIELDS
from carvalue.pricing import PriceModel
from carvalue.pricing.market import ModelFamily, alphanumeric, trims_of


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
        models=tuple(ModelOption(name=name, listings=listings) for name, listings in matching[:limit]),
        matching=len(matching),
        fields=tuple(map(field_option, FIELDS)),
        trims=_trims(model, make, trims_for) if trims_for else (),
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


def _trims(model: PriceModel, make: str, name: str) -> tuple[Trim, ...]:
    counted = trims_of(model.comparables, manufacturer=make, model=name)
    return convert(counted, tuple[Trim, ...], from_attributes=True)


def _matching(models: tuple[ModelFamily, ...], search: str) -> tuple[ModelFamily, ...]:
    wanted = alphanumeric(search)
    matching = [model for model in models if wanted in alphanumeric(model.display_name)]
    # sorting is stable: the most frequent stay first
    return tuple(sorted(matching, key=lambda model: not alphanumeric(model.display_name).startswith(wanted)))
