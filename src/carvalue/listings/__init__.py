"""The schema of a car listing; subpackages read, clean, split, store and generate listings."""

from carvalue.listings.schema import (
    ALIASES,
    EARLIEST_YEAR,
    FIELD_BY_NAME,
    FIELDS,
    LATEST_YEAR,
    PRICE,
    REQUIRED_FIELDS,
    CategoryField,
    Field,
    Listing,
    NumberField,
    Value,
)

__all__ = [
    "ALIASES",
    "EARLIEST_YEAR",
    "FIELDS",
    "FIELD_BY_NAME",
    "LATEST_YEAR",
    "PRICE",
    "REQUIRED_FIELDS",
    "CategoryField",
    "Field",
    "Listing",
    "NumberField",
    "Value",
]
