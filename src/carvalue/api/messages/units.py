"""Types of fields that several answers have."""

import re
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from carvalue.listings import CURRENCY, DISTANCE, MAX_TEXT, Value

Currency = Annotated[str, Meta(extra_json_schema={"const": CURRENCY.code})]
"""The currency of all prices, ISO 4217."""
DistanceUnit = Annotated[str, Meta(extra_json_schema={"const": DISTANCE.unit})]
"""The unit of `odometer`."""
Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its zone."""
Share = Annotated[float, Meta(ge=0, le=1)]
_QUOTE_ID = re.compile("[0-9a-f]{32}")
QuoteId = Annotated[str, Meta(pattern=f"^{_QUOTE_ID.pattern}$")]
"""Identifies a quote."""
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
StoredListing = Annotated[
    dict[str, Value], Meta(extra_json_schema={"$ref": "#/components/schemas/StoredListing"})
]
"""The fields of a listing that a quote was given for."""


def is_quote_id(value: object) -> bool:
    """Check whether a value has the form of a quote id.

    Args:
        value: Any value.

    Returns:
        Whether it is a text of 32 of the characters 0-9 and a-f.

    >>> is_quote_id("0199a1b2c3d4e5f60718293a4b5c6d7e"), is_quote_id("0199a1b2")
    (True, False)
    """
    return isinstance(value, str) and _QUOTE_ID.fullmatch(value) is not None
