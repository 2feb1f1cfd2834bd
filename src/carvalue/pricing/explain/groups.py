"""Group the fields of a listing for explanations, as the schema says, and label each group for the reader."""

from dataclasses import dataclass

from carvalue.listings import (
    FIELD_BY_NAME,
    FIELDS,
    MARKET,
    NAME_FIELDS,
    OPEN_PLACES,
    PLACES,
    Field,
    Listing,
    NumberField,
)
from carvalue.pricing.features import IMPLAUSIBLE, normalize_word

VAGUE_CATEGORIES = ("other", "custom")
"""Categories that mean nothing without the name of their field."""


@dataclass(frozen=True, kw_only=True)
class FieldGroup:
    """Fields that are explained as one player of the Shapley game.

    Each further group doubles the number of coalitions that the model scores.

    Attributes:
        name: Identifier of the group in the API.
        members: The fields of the group.
    """

    name: str
    members: tuple[Field, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, and of the flag `IMPLAUSIBLE` in the odometer's group."""
        names = tuple(field.name for field in self.members)
        return (*names, IMPLAUSIBLE) if "odometer" in names else names

    def label(self, listing: Listing) -> str:
        """Describe the group's values in a listing.

        Args:
            listing: Any listing.

        Returns:
            One phrase in English, without a full stop.

        Examples:
            >>> labels = {group.name: group.label({"year": 2013, "fuel": "gas"}) for group in GROUPS}
            >>> labels["year"], labels["equipment"], labels["odometer"]
            ('model year 2013', 'gas', 'mileage not given')
        """
        if self.name == "make_model":
            name = _joined(listing, *NAME_FIELDS)
            return f"make and model: {name}" if name else "make and model not given"
        if self.name == "place":
            names = [normalize_word(listing.get(place)) for place in OPEN_PLACES]
            codes = [normalize_word(listing.get(place)).upper() for place in PLACES]
            location = ", ".join(filter(None, (*names, *codes)))
            return f"in {location}" if location else "place not given"
        phrases = (phrase(field, listing) for field in self.members)
        return ", ".join(filter(None, phrases)) or f"{self._subject} not given"

    @property
    def _subject(self) -> str:
        return self.members[0].label.lower() if len(self.members) == 1 else self.name.replace("_", " ")


def phrase(field: Field, listing: Listing) -> str:
    """Describe one value of a listing in a few words.

    Args:
        field: The field to describe.
        listing: Any listing.

    Returns:
        The phrase; empty if the value is missing.

    Examples:
        >>> phrase(FIELD_BY_NAME["odometer"], {"odometer": 91_000})
        '91,000 miles'
        >>> phrase(FIELD_BY_NAME["fuel"], {"fuel": "other"})
        'other fuel'
    """
    value = listing.get(field.name)
    if isinstance(field, NumberField):
        if not isinstance(value, int | float) or value != value:
            return ""
        return (field.phrase or f"{{value:,}} {field.unit}").format(value=round(value))
    category = str(value or "")
    if category in VAGUE_CATEGORIES:
        return f"{category} {field.label.lower()}"
    return field.phrase.format(value=category) if category else ""


def reference_label(reference: Listing) -> str:
    """Describe the reference car.

    Args:
        reference: Listing of the reference car.

    Returns:
        One phrase, without a full stop.

    Examples:
        >>> reference_label({"manufacturer": "ford", "model": "fusion", "year": 2013, "odometer": 91_000})
        'a typical car in the training data (2013 ford fusion, 91,000 miles)'
    """
    name = _joined(reference, "year", *NAME_FIELDS)
    mileage = phrase(FIELD_BY_NAME["odometer"], reference) or "mileage not given"
    return f"a typical {MARKET.vehicle} in the training data ({name}, {mileage})"


def _joined(listing: Listing, *fields: str) -> str:
    return " ".join(filter(None, (normalize_word(listing.get(field)) for field in fields)))


GROUPS = tuple(
    FieldGroup(name=name, members=tuple(field for field in FIELDS if field.group == name))
    for name in dict.fromkeys(field.group for field in FIELDS)
)
"""The groups of every explanation, in the order of the schema; each field belongs to exactly one."""
