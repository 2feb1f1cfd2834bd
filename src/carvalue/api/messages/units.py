"""Types of fields that several answers have."""

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
QuoteId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""Identifies a quote."""
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
StoredListing = Annotated[
    dict[str, Value], Meta(extra_json_schema={"$ref": "#/components/schemas/StoredListing"})
]
"""The fields of a listing that a quote was given for."""
