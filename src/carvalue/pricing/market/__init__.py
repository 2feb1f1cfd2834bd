"""Quotes and their market context: the estimate, its support and warnings, comparables, the reference car."""

from carvalue.pricing.market.comparables import (
    COLUMNS as COMPARABLE_COLUMNS,
)
from carvalue.pricing.market.comparables import (
    Comparable,
    Comparables,
    fit_comparables,
)
from carvalue.pricing.market.display_names import alphanumeric
from carvalue.pricing.market.known_categories import (
    KnownCategories,
    ModelFamily,
    fit_known_categories,
)
from carvalue.pricing.market.quote import (
    FEW_CARS,
    MANY_CARS,
    UNKNOWN_FIELDS,
    PriceEstimate,
    QuoteWarning,
    SupportCounts,
    SupportGrade,
    unknown_category_kind,
)
from carvalue.pricing.market.reference_car import fit_reference_car
from carvalue.pricing.market.trims import TrimCount, trims_of

__all__ = [
    "COMPARABLE_COLUMNS",
    "FEW_CARS",
    "MANY_CARS",
    "UNKNOWN_FIELDS",
    "Comparable",
    "Comparables",
    "KnownCategories",
    "ModelFamily",
    "PriceEstimate",
    "QuoteWarning",
    "SupportCounts",
    "SupportGrade",
    "TrimCount",
    "alphanumeric",
    "fit_comparables",
    "fit_known_categories",
    "fit_reference_car",
    "trims_of",
    "unknown_category_kind",
]
