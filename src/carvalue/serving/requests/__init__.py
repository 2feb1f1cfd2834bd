"""Read and validate request bodies."""

from carvalue.serving.requests.request_body import MAX_BODY_BYTES, BodyTooSlow, read_json
from carvalue.serving.requests.validation import (
    MAX_LISTINGS,
    FieldError,
    InvalidListings,
    describe_value,
    invalid_value,
    read_listing,
    read_listings,
)

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_LISTINGS",
    "BodyTooSlow",
    "FieldError",
    "InvalidListings",
    "describe_value",
    "invalid_value",
    "read_json",
    "read_listing",
    "read_listings",
]
