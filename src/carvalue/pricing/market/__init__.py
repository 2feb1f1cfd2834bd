"""Market context of a listing: known categories, comparables, the reference car."""

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
from carvalue.pricing.market.reference_car import fit_reference_car
from carvalue.pricing.market.trims import TrimCount, trims_of

__all__ = [
    "COMPARABLE_COLUMNS",
    "Comparable",
    "Comparables",
    "KnownCategories",
    "ModelFamily",
    "TrimCount",
    "alphanumeric",
    "fit_comparables",
    "fit_known_categories",
    "fit_reference_car",
    "trims_of",
]
