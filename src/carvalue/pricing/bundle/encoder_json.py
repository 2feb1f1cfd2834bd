"""The encoder as JSON and back: every vocabulary and level travels in the bundle."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from carvalue.pricing.additive.lookups import (
    FamilyWords,
    NameAtAge,
    NameCurves,
    NameMiles,
    NameRows,
    NameYear,
    Words,
)
from carvalue.pricing.features.columns import Category, Engine, Feature, Flag, NameCategory, NameLevel, Number
from carvalue.pricing.features.encoder import Encoder
from carvalue.pricing.features.ordinal import Vocabulary
from carvalue.pricing.features.target_encoding import Levels

CURVES = "curves"


def encoder_as_json(encoder: Encoder) -> dict[str, Any]:
    """Write the features in their order."""
    content: dict[str, Any] = {
        "features": [_feature_as_json(feature) for feature in encoder.features],
        "summed": list(encoder.summed),
    }
    curves = next((item.curves for item in encoder.features if isinstance(item, NameYear)), None)
    return content | ({CURVES: _plain(curves)} if curves else {})


def encoder_from_json(content: Mapping[str, Any]) -> Encoder:
    """Read what `encoder_as_json` wrote.

    Raises:
        KeyError, TypeError: a feature of a kind that this program does not know.
    """
    shared = {CURVES: NameCurves(**content[CURVES])} if CURVES in content else {}
    features = tuple(_READERS[item["reads"]](item | shared) for item in content["features"])
    return Encoder(features=features, summed=tuple(content["summed"]))


def _feature_as_json(feature: Feature) -> dict[str, Any]:
    item: dict[str, Any] = {"name": feature.name, "reads": type(feature).__name__}
    if isinstance(feature, Category | NameCategory):
        item["words"] = list(feature.vocabulary.words)
    if isinstance(feature, NameLevel):
        item |= {"market": feature.levels.market, "tables": [dict(table) for table in feature.levels.tables]}
    if isinstance(feature, NameMiles | Words | FamilyWords | NameRows | NameAtAge):
        item |= {name: value for name, value in _plain(feature).items() if name not in {CURVES, "inputs"}}
    return item


def _plain(tables: NameCurves | NameMiles | Words | FamilyWords | NameRows | NameAtAge) -> dict[str, Any]:
    return {item.name: getattr(tables, item.name) for item in fields(tables)}


def _levels(item: Mapping[str, Any]) -> Levels:
    return Levels(tables=tuple(item["tables"]), market=item["market"])


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Feature]] = {
    "Number": lambda item: Number(item["name"]),
    "Flag": lambda item: Flag(item["name"]),
    "Engine": lambda item: Engine(item["name"]),
    "Category": lambda item: Category(item["name"], Vocabulary.of(item["words"])),
    "NameCategory": lambda item: NameCategory(item["name"], Vocabulary.of(item["words"])),
    "NameYear": lambda item: NameYear(item[CURVES], item["name"]),
    "NameAtAge": lambda item: NameAtAge(item[CURVES], item["age"], item["name"]),
    "NameMiles": lambda item: NameMiles(
        *(item[name] for name in ("miles", "rows", "unknown", "doubted", "slopes"))
    ),
    "Words": lambda item: Words(item["worth"]),
    "FamilyWords": lambda item: FamilyWords(item["worth"]),
    "NameRows": lambda item: NameRows(item["rows"], item["group"], item["name"]),
    "NameLevel": lambda item: NameLevel(item["name"], _levels(item)),
}
