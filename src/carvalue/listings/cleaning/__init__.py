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
    DELETED,
    DELETED_VALUES,
    NUMBERS,
    OPTIONAL_COLUMNS,
    POSTING_DATE_FORMAT,
    REQUIRED_COLUMNS,
    describe_car,
    is_blank,
    marks_deletion,
    out_of_range,
    unparsed,
)

__all__ = [
    "ADVERTISED_FIELDS",
    "CATEGORIES",
    "CLEANING_REPORT",
    "CLOSED",
    "DELETED",
    "DELETED_VALUES",
    "LISTINGS_FILE",
    "NUMBERS",
    "OPTIONAL_COLUMNS",
    "POSTING_DATE_FORMAT",
    "REQUIRED_COLUMNS",
    "CleaningReport",
    "NoCleanListings",
    "advertisement_key",
    "clean",
    "describe_car",
    "description_key",
    "is_blank",
    "marks_deletion",
    "out_of_range",
    "unparsed",
]
