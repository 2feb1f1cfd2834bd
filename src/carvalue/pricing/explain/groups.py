"""The parts of a listing that a price is explained by, in the customer's words."""

from collections.abc import Callable
from dataclasses import dataclass

from carvalue.listings import FIELD_BY_NAME, Listing, Value
from carvalue.pricing.features import IMPLAUSIBLE, normalize_word

Label = Callable[[Listing], str]


@dataclass(frozen=True, kw_only=True)
class FieldGroup:
    """Fields that are explained together. More groups would cost: the mixtures double with each."""

    name: str
    fields: tuple[str, ...]
    label: Label


def reference_label(usual: Listing) -> str:
    """Name the usual car."""
    year, miles = normalize_word(usual["year"]), _miles(usual)
    return f"a usual car in the training data ({year} {_words(usual, 'manufacturer', 'model')}, {miles})"


def _make_and_model(listing: Listing) -> str:
    name = _words(listing, "manufacturer", "model")
    return f"make and model: {name}" if name else "make and model not given"


def _year(listing: Listing) -> str:
    year = normalize_word(listing.get("year"))
    return f"model year {year}" if year else "model year not given"


def _miles(listing: Listing) -> str:
    miles = listing.get("odometer")
    return f"{miles:,.0f} miles" if isinstance(miles, int | float) and miles == miles else "mileage not given"


def _condition(listing: Listing) -> str:
    condition = normalize_word(listing.get("condition"))
    return f"{condition} condition" if condition else "condition not given"


def _title(listing: Listing) -> str:
    title = normalize_word(listing.get("title_status"))
    return f"{title} title" if title else "title not given"


def _equipment(listing: Listing) -> str:
    told = [_piece(field, listing.get(field)) for field in EQUIPMENT]
    return ", ".join(filter(None, told)) or "equipment not given"


def _place(listing: Listing) -> str:
    region, state = normalize_word(listing.get("region")), normalize_word(listing.get("state")).upper()
    told = ", ".join(filter(None, (region, state)))
    return f"in {told}" if told else "place not given"


def _piece(field: str, value: Value) -> str:
    word = str(value or "")
    if word in {"other", "custom"}:
        return f"{word} {FIELD_BY_NAME[field].label.lower()}"
    return f"{word} paint" if word and field == "paint_color" else word


def _words(listing: Listing, *fields: str) -> str:
    return " ".join(filter(None, (normalize_word(listing.get(field)) for field in fields)))


EQUIPMENT = ("cylinders", "fuel", "transmission", "drive", "type", "paint_color")
GROUPS = (
    FieldGroup(name="make_model", fields=("manufacturer", "model"), label=_make_and_model),
    FieldGroup(name="year", fields=("year",), label=_year),
    FieldGroup(name="odometer", fields=("odometer", IMPLAUSIBLE), label=_miles),
    FieldGroup(name="condition", fields=("condition",), label=_condition),
    FieldGroup(name="title", fields=("title_status",), label=_title),
    FieldGroup(name="equipment", fields=EQUIPMENT, label=_equipment),
    FieldGroup(name="place", fields=("state", "region"), label=_place),
)
"""Every field of a listing is in exactly one of them."""
