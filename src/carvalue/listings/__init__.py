"""What a car for sale is, where listings come from, how they are cleaned, split and stored."""

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
