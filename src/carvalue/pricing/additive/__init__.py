"""Additive model of the log price; the trees start from its sum."""

from carvalue.pricing.additive.lookups import (
    CATEGORY_EFFECTS,
    FAMILY_CATEGORY_EFFECTS,
    SUMMED,
    AdditivePart,
    CategoryEffects,
    FamilyCategoryEffects,
    NameAtAge,
    NameCurves,
    NameMiles,
    NameRows,
    NameYear,
    group_keys,
)

__all__ = [
    "CATEGORY_EFFECTS",
    "FAMILY_CATEGORY_EFFECTS",
    "SUMMED",
    "AdditivePart",
    "CategoryEffects",
    "FamilyCategoryEffects",
    "NameAtAge",
    "NameCurves",
    "NameMiles",
    "NameRows",
    "NameYear",
    "group_keys",
]
