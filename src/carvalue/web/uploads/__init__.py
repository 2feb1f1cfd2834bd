"""Uploaded files of cars: reading, column mapping, pricing in the background, and the priced table."""

from carvalue.web.uploads.jobs import PricingJob
from carvalue.web.uploads.listings import (
    ASKING,
    VIN,
    ColumnMapping,
    asking_prices,
    guess_mapping,
    listings_from_rows,
)
from carvalue.web.uploads.priced_table import answer_names, with_answers
from carvalue.web.uploads.reading import MAX_ROWS, PROBLEM, SUFFIXES, UnreadableFile, read_table

__all__ = [
    "ASKING",
    "MAX_ROWS",
    "PROBLEM",
    "SUFFIXES",
    "VIN",
    "ColumnMapping",
    "PricingJob",
    "UnreadableFile",
    "answer_names",
    "asking_prices",
    "guess_mapping",
    "listings_from_rows",
    "read_table",
    "with_answers",
]
