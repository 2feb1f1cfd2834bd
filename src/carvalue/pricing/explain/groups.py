"""Group the fields of a listing for explanations, and label each group for the reader."""

from collections.abc import Callable
from dataclasses import dataclass

from carvalue.listings import FIELD_BY_NAME, Listing, Value
from carvalue.pricing.features import IMPLAUSIBLE, normalize_word

Label = Callable[[Listing], str]
"""Describes a group's values in a listing, in English."""


@dataclass(frozen=True, kw_only=True)
class FieldGroup:
    """Fields that are explained as one player of the Shapley game.

    Each further group doubles the number of coalitions that the model scores.

    Attributes:
        name: Identifier of the group in the API.
        fields: Names of the listing's fields, and of `IMPLAUSIBLE` where it belongs to the group.
        label: Function that describes the group's values in a listing.
    """

    name: str
    fields: tuple[str, ...]
    label: Label


def reference_label(reference: Listing) -> str:
    """Describe the reference car.

    Args:
        reference: Listing of the reference car; it has at least year, odometer, manufacturer and model.

    Returns:
        One phrase, without a full stop.

    Examples:
        >>> reference_label({"manufacturer": "ford", "model": "fusion", "year": 2013, "odometer": 91_000})
        'a typical car in the training data (2013 ford fusion, 91,000 miles)'
    """
    year, miles = normalize_word(reference["year"]), _odometer_label(reference)
    name = _joined(reference, "manufacturer", "model")
    return f"a typical car in the training data ({year} {name}, {miles})"


def _make_model_label(listing: Listing) -> str:
    name = _joined(listing, "manufacturer", "model")
    return f"make and model: {name}" if name else "make and model not given"


def _year_label(listing: Listing) -> str:
    year = normalize_word(listing.get("year"))
    return f"model year {year}" if year else "model year not given"


def _odometer_label(listing: Listing) -> str:
    miles = listing.get("odometer")
    return f"{miles:,.0f} miles" if isinstance(miles, int | float) and miles == miles else "mileage not given"


def _condition_label(listing: Listing) -> str:
    condition = normalize_word(listing.get("condition"))
    return f"{condition} condition" if condition else "condition not given"


def _title_label(listing: Listing) -> str:
    title = normalize_word(listing.get("title_status"))
    return f"{title} title" if title else "title not given"


def _equipment_label(listing: Listing) -> str:
    items = [_equipment_item(field, listing.get(field)) for field in EQUIPMENT]
    return ", ".join(filter(None, items)) or "equipment not given"


def _location_label(listing: Listing) -> str:
    region, state = normalize_word(listing.get("region")), normalize_word(listing.get("state")).upper()
    location = ", ".join(filter(None, (region, state)))
    return f"in {location}" if location else "place not given"


def _equipment_item(field: str, value: Value) -> str:
    category = str(value or "")
    if category in {"other", "custom"}:
        return f"{category} {FIELD_BY_NAME[field].label.lower()}"
    return f"{category} paint" if category and field == "paint_color" else category


def _joined(listing: Listing, *fields: str) -> str:
    return " ".join(filter(None, (normalize_word(listing.get(field)) for field in fields)))


EQUIPMENT = ("cylinders", "fuel", "transmission", "drive", "type", "paint_color")
GROUPS = (
    FieldGroup(name="make_model", fields=("manufacturer", "model"), label=_make_model_label),
    FieldGroup(name="year", fields=("year",), label=_year_label),
    FieldGroup(name="odometer", fields=("odometer", IMPLAUSIBLE), label=_odometer_label),
    FieldGroup(name="condition", fields=("condition",), label=_condition_label),
    FieldGroup(name="title", fields=("title_status",), label=_title_label),
    FieldGroup(name="equipment", fields=EQUIPMENT, label=_equipment_label),
    FieldGroup(name="place", fields=("state", "region"), label=_location_label),
)
"""The groups of every explanation; each field of a listing belongs to exactly one."""
