"""From a listing to a quote - vocabulary, model, training, evaluation."""

from carvalue.pricing.file_scoring import score_file
from carvalue.pricing.model import PriceModel
from carvalue.pricing.quote import UNKNOWN_FIELDS
from carvalue.pricing.scoring import COLUMNS, SCORED, price, read_rows

__all__ = ["COLUMNS", "SCORED", "UNKNOWN_FIELDS", "PriceModel", "price", "read_rows", "score_file"]
