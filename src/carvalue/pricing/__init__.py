"""The price model: features, training, quotes, evaluation, and scoring of rows and files."""

from carvalue.pricing.file_scoring import ScoringResult, score_file
from carvalue.pricing.model import PriceModel
from carvalue.pricing.quote import UNKNOWN_FIELDS
from carvalue.pricing.scoring import LISTING_COLUMNS, SCORED_SCHEMA, parse_rows, price_rows

__all__ = [
    "LISTING_COLUMNS",
    "SCORED_SCHEMA",
    "UNKNOWN_FIELDS",
    "PriceModel",
    "ScoringResult",
    "parse_rows",
    "price_rows",
    "score_file",
]
