"""Which fields that a listing lacks would make its price range narrower, and what each value would do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from carvalue.listings import FIELDS, CategoryField, Listing, Value
from carvalue.pricing.market import Comparables, PriceEstimate, trims_of
from carvalue.pricing.model import PriceModel

TRIM = "trim"
MAX_CHOICES = 15  # of a field: the states are more, and move the price little


@dataclass(frozen=True, kw_only=True)
class PricedValue:
    """A value that a listing could have in a field that it lacks.

    Attributes:
        value: The value.
        share: Share of the training listings of the model with this value, from 0 to 1; None if not counted.
        price: Price with this value, in dollars.
        low: Lower end of the interval, in dollars.
        high: Upper end of the interval, in dollars.
    """

    value: Value
    share: float | None
    price: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class MissingField:
    """A field that a listing lacks.

    Attributes:
        field: Name of the field; `trim` for words that are missing in the model.
        narrower: By which share the interval gets narrower on average over the values, on the logarithmic
            scale; negative if it gets wider.
        values: The prices with each value.
    """

    field: str
    narrower: float
    values: tuple[PricedValue, ...]


def missing_answers(model: PriceModel, listing: Listing) -> tuple[MissingField, ...]:
    """Quote a listing with every value of the fields that it lacks.

    Trims and categories count by their share of the model's training listings, where it is known; all other
    values count alike. Mileages are those of similar training listings.

    Args:
        model: The model.
        listing: The listing, with make, model and year.

    Returns:
        The fields that it lacks, the one that narrows the interval most first.
    """
    variants = {
        **_trims(model.comparables, listing),
        **_mileages(model, listing),
        **_choices(model.comparables, listing),
    }
    listings = [variant for values in variants.values() for _, _, variant in values]
    own, *quotes = model.quote_many([listing, *listings])
    remaining, answers = iter(quotes), []
    for field, values in variants.items():
        possible = [
            PricedValue(value=value, share=share, price=quote.price, low=quote.low, high=quote.high)
            for (value, share, _), quote in zip(values, remaining, strict=False)
        ]
        answers.append(MissingField(field=field, narrower=_narrower(own, possible), values=tuple(possible)))
    return tuple(sorted(answers, key=lambda answer: -answer.narrower))


Variants = dict[str, list[tuple[Value, float | None, Listing]]]


def _trims(comparables: Comparables, listing: Listing) -> Variants:
    model = str(listing["model"])
    trims = trims_of(comparables, manufacturer=str(listing["manufacturer"]), model=model)
    if not trims or any(trim.name in model.split() for trim in trims):
        return {}
    return {TRIM: [(trim.name, trim.share, {**listing, "model": f"{model} {trim.name}"}) for trim in trims]}


def _mileages(model: PriceModel, listing: Listing) -> Variants:
    if listing.get("odometer") is not None:
        return {}
    similar = model.comparables.nearest(model.scored_listing(listing))
    known = sorted({value for car in similar if isinstance(value := car["odometer"], int)})
    return {"odometer": [(value, None, {**listing, "odometer": value}) for value in known]} if known else {}


def _choices(comparables: Comparables, listing: Listing) -> Variants:
    lacking: Mapping[str, CategoryField] = {
        field.name: field
        for field in FIELDS
        if isinstance(field, CategoryField)
        and listing.get(field.name) is None
        and 0 < len(field.choices) <= MAX_CHOICES
    }
    variants: Variants = {}
    for name, field in lacking.items():
        shares = {
            choice: share
            for choice, share in comparables.shares(listing, name).items()
            if choice in field.choices
        }
        variants[name] = [
            (choice, shares.get(choice, 0.0) if shares else None, {**listing, name: choice})
            for choice in field.choices
        ]
    return variants


def _narrower(own: PriceEstimate, values: list[PricedValue]) -> float:
    widths = [math.log(value.high / value.low) for value in values]
    weights = [1.0 if value.share is None else value.share for value in values]
    mean = sum(map(float.__mul__, widths, weights)) / sum(weights)
    return round(1 - mean / math.log(own.high / own.low), 4)
