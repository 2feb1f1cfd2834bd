"""Scoring of many listings: parsing and pricing of rows, and files in batches."""

from carvalue.pricing.scoring.files import ScoringResult, score_file
from carvalue.pricing.scoring.table import LISTING_COLUMNS, SCORED_SCHEMA, parse_rows, price_rows, score

__all__ = [
    "LISTING_COLUMNS",
    "SCORED_SCHEMA",
    "ScoringResult",
    "parse_rows",
    "price_rows",
    "score",
    "score_file",
]
