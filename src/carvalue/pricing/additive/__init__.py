"""Additive model of the log price; the trees start from its sum."""

from carvalue.pricing.additive.lookups import (
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
