"""Turn raw rows into clean listings: parse, reject, repair, and link listings of the same car."""

from carvalue.listings.cleaning.cleaner import (
    CLEANING_REPORT,
    LISTINGS_FILE,
    CleaningReport,
    NoCleanListings,
    clean,
)
from carvalue.listings.cleaning.identity import ADVERTISED_FIELDS, advertisement_key, description_key
from carvalue.listings.cleaning.rules import (
    CATEGORIES,
    CLOSED,
    NUMBERS,
    POSTING_DATE_FORMAT,
    describe_car,
    is_blank,
    out_of_range,
    unparsed,
)

__all__ = [
    "ADVERTISED_FIELDS",
    "CATEGORIES",
    "CLEANING_REPORT",
    "CLOSED",
    "LISTINGS_FILE",
    "NUMBERS",
    "POSTING_DATE_FORMAT",
    "CleaningReport",
    "NoCleanListings",
    "advertisement_key",
    "clean",
    "describe_car",
    "description_key",
    "is_blank",
    "out_of_range",
    "unparsed",
]
