"""The price model: features, training, quotes, evaluation, and scoring of rows and files."""

from typing import TYPE_CHECKING, Any

from carvalue.pricing.market import UNKNOWN_FIELDS, SupportCounts
from carvalue.pricing.model import PriceModel
from carvalue.pricing.scoring import (
    LISTING_COLUMNS,
    SCORED_SCHEMA,
    ScoringResult,
    parse_rows,
    price_rows,
    score_file,
)

if TYPE_CHECKING:
    from carvalue.pricing.estimator import CarPriceRegressor, GroupedTimeSplit

__all__ = [
    "LISTING_COLUMNS",
    "SCORED_SCHEMA",
    "UNKNOWN_FIELDS",
    "CarPriceRegressor",
    "GroupedTimeSplit",
    "PriceModel",
    "ScoringResult",
    "SupportCounts",
    "parse_rows",
    "price_rows",
    "score_file",
]


def __getattr__(name: str) -> Any:
    """Import the scikit-learn estimator on use, because the price service does without scikit-learn."""
    if name in {"CarPriceRegressor", "GroupedTimeSplit"}:
        from carvalue.pricing import estimator  # noqa: PLC0415

        return getattr(estimator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
