"""Additive model of log price that the trees start from."""

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
