"""The encoder as JSON and back: every vocabulary and level travels in the bundle."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from carvalue.pricing.additive import (
    CategoryEffects,
    FamilyCategoryEffects,
    NameAtAge,
    NameCurves,
    NameMiles,
    NameRows,
    NameYear,
)
from carvalue.pricing.features import (
    CategoryCode,
    EngineLitres,
    FeatureEncoder,
    FlagFeature,
    ModelFeature,
    NameCode,
    NamePriceLevel,
    NumberFeature,
    TargetEncoding,
    Vocabulary,
)

CURVES = "curves"


def encoder_to_json(encoder: FeatureEncoder) -> dict[str, Any]:
    """Write the features in their order."""
    content: dict[str, Any] = {
        "features": [_feature_as_json(feature) for feature in encoder.features],
        "summed": list(encoder.summed),
    }
    curves = next((item.curves for item in encoder.features if isinstance(item, NameYear)), None)
    return content | ({CURVES: _plain(curves)} if curves else {})


def encoder_from_json(content: Mapping[str, Any]) -> FeatureEncoder:
    """Read what `encoder_to_json` wrote.

    Raises:
        KeyError, TypeError: a feature of a kind that this program does not know.
    """
    shared = {CURVES: NameCurves(**content[CURVES])} if CURVES in content else {}
    features = tuple(_READERS[item["reads"]](item | shared) for item in content["features"])
    return FeatureEncoder(features=features, summed=tuple(content["summed"]))


def _feature_as_json(feature: ModelFeature) -> dict[str, Any]:
    item: dict[str, Any] = {"name": feature.name, "reads": _KINDS[type(feature)]}
    if isinstance(feature, CategoryCode | NameCode):
        item["words"] = list(feature.vocabulary.words)
    if isinstance(feature, NamePriceLevel):
        item |= {"market": feature.levels.market, "tables": [dict(table) for table in feature.levels.tables]}
    if isinstance(feature, NameMiles | CategoryEffects | FamilyCategoryEffects | NameRows | NameAtAge):
        item |= {name: value for name, value in _plain(feature).items() if name not in {CURVES, "inputs"}}
    return item


def _plain(
    tables: NameCurves | NameMiles | CategoryEffects | FamilyCategoryEffects | NameRows | NameAtAge,
) -> dict[str, Any]:
    return {item.name: getattr(tables, item.name) for item in fields(tables)}


def _levels(item: Mapping[str, Any]) -> TargetEncoding:
    return TargetEncoding(tables=tuple(item["tables"]), market=item["market"])


_KINDS: Mapping[type[ModelFeature], str] = {
    NumberFeature: "Number",
    FlagFeature: "Flag",
    EngineLitres: "Engine",
    CategoryCode: "Category",
    NameCode: "NameCategory",
    NameYear: "NameYear",
    NameAtAge: "NameAtAge",
    NameMiles: "NameMiles",
    CategoryEffects: "Words",
    FamilyCategoryEffects: "FamilyWords",
    NameRows: "NameRows",
    NamePriceLevel: "NameLevel",
}
"""What each feature is called in a bundle; independent of class names, so that old bundles stay readable."""

_READERS: Mapping[str, Callable[[Mapping[str, Any]], ModelFeature]] = {
    "Number": lambda item: NumberFeature(item["name"]),
    "Flag": lambda item: FlagFeature(item["name"]),
    "Engine": lambda item: EngineLitres(item["name"]),
    "Category": lambda item: CategoryCode(item["name"], Vocabulary.of(item["words"])),
    "NameCategory": lambda item: NameCode(item["name"], Vocabulary.of(item["words"])),
    "NameYear": lambda item: NameYear(item[CURVES], item["name"]),
    "NameAtAge": lambda item: NameAtAge(item[CURVES], item["age"], item["name"]),
    "NameMiles": lambda item: NameMiles(
        *(item[name] for name in ("miles", "rows", "unknown", "doubted", "slopes"))
    ),
    "Words": lambda item: CategoryEffects(item["worth"]),
    "FamilyWords": lambda item: FamilyCategoryEffects(item["worth"]),
    "NameRows": lambda item: NameRows(item["rows"], item["group"], item["name"]),
    "NameLevel": lambda item: NamePriceLevel(item["name"], _levels(item)),
}
