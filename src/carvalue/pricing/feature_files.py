"""The encoder as JSON and back: every vocabulary and level travels in the bundle."""

from collections.abc import Callable, Mapping
from typing import Any

from carvalue.pricing.encoding import Encoder
from carvalue.pricing.features import Category, Engine, Feature, NameCategory, NameLevel, Number
from carvalue.pricing.levels import Levels
from carvalue.pricing.vocabulary import Vocabulary


def encoder_as_json(encoder: Encoder) -> dict[str, Any]:
    """Write the features in their order."""
    return {"features": [_feature_as_json(feature) for feature in encoder.features]}


def encoder_from_json(content: Mapping[str, Any]) -> Encoder:
    """Read what `encoder_as_json` wrote.

    Raises:
        KeyError, TypeError: a feature of a kind that this program does not know.
    """
    return Encoder(features=tuple(_READERS[item["reads"]](item) for item in content["features"]))


def _feature_as_json(feature: Feature) -> dict[str, Any]:
    item: dict[str, Any] = {"name": feature.name, "reads": type(feature).__name__}
    if isinstance(feature, Category | NameCategory):
        item["words"] = list(feature.vocabulary.words)
    if isinstance(feature, NameLevel):
        item |= {"market": feature.levels.market, "tables": [dict(table) for table in feature.levels.tables]}
    return item


def _levels(item: Mapping[str, Any]) -> Levels:
    return Levels(tables=tuple(item["tables"]), market=item["market"])


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Feature]] = {
    "Number": lambda item: Number(item["name"]),
    "Engine": lambda item: Engine(item["name"]),
    "Category": lambda item: Category(item["name"], Vocabulary.of(item["words"])),
    "NameCategory": lambda item: NameCategory(item["name"], Vocabulary.of(item["words"])),
    "NameLevel": lambda item: NameLevel(item["name"], _levels(item)),
}
