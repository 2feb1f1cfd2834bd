"""The listing schema of the OpenAPI document agrees with the validation of requests."""

import re

import pytest

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.api.listing_schema import listing_schema
from carvalue.api.validation import InvalidListings, read_listings
from carvalue.listings.schema import FIELDS, NumberField

BLANKS = ["", "  ", "\t\n", "\u00a0", "\x1f"]
NUMBER_FIELDS = [field for field in FIELDS if isinstance(field, NumberField)]


def schema_allows_text(name: str, text: str) -> bool:
    schema = listing_schema()["properties"][name]  # type: ignore[index]
    return "string" in schema["type"] and re.search(schema["pattern"], text) is not None


def validation_allows(name: str, value: object) -> bool:
    try:
        read_listings({**EXAMPLE, name: value})
    except InvalidListings:
        return False
    return True


@pytest.mark.parametrize("text", [*BLANKS, "2015", " 1 ", "x", "\x00"])
@pytest.mark.parametrize("field", NUMBER_FIELDS, ids=lambda field: field.name)
def test_validation_takes_each_text_that_the_schema_allows(field: NumberField, text: str) -> None:
    assert validation_allows(field.name, text) or not schema_allows_text(field.name, text)


@pytest.mark.parametrize("field", NUMBER_FIELDS, ids=lambda field: field.name)
def test_only_an_optional_number_may_be_blank(field: NumberField) -> None:
    assert validation_allows(field.name, "  ") is not field.required
