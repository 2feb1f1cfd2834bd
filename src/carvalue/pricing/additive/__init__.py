"""Additive model of the log price; the trees start from its sum."""

from carvalue.pricing.additive.lookups import (
    SUMMED,
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
    "SUMMED",
    "CategoryEffects",
    "FamilyCategoryEffects",
    "NameAtAge",
    "NameCurves",
    "NameMiles",
    "NameRows",
    "NameYear",
    "group_keys",
]
