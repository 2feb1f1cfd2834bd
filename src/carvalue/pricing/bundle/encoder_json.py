"""Serialize the feature encoder to JSON: every vocabulary and table is part of the bundle.

The keys of the format are independent of the names of classes and fields, so that old bundles stay readable.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from carvalue.pricing.additive import (
    CATEGORY_EFFECTS,
    FAMILY_CATEGORY_EFFECTS,
    CategoryEffects,
    FamilyCategoryEffects,
    NameAtAge,
    NameCurves,
    NameMiles,
    NameRows,
    NameYear,
)
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    CategoryCode,
    ConstantFeature,
    EngineLitres,
    FeatureEncoder,
    FlagFeature,
    ModelFeature,
    NameCode,
    NamePriceLevel,
    NumberFeature,
    TargetEncoding,
    Vocabulary,
    typed_name,
)

CURVES = "curves"
NAMES, TYPED = "names", "typed"  # of features that read names as sellers type them
UNNAMED_FIELDS = (
    *("condition", "cylinders", "fuel", "title_status", "transmission", "drive", "type", "paint_color"),
    *("state", "region"),
)
"""Fields of the category effects in bundles that do not name them."""


def encoder_to_json(encoder: FeatureEncoder) -> dict[str, Any]:
    """Serialize an encoder to JSON types.

    Args:
        encoder: Fitted encoder.

    Returns:
        Content of `features.json`: the features in order, the summed ones, and the shared curves.

    Examples:
        >>> encoder_to_json(FeatureEncoder((NumberFeature("year"),)))
        {'features': [{'name': 'year', 'reads': 'Number'}], 'summed': []}
    """
    content: dict[str, Any] = {
        "features": [_feature_to_json(feature) for feature in encoder.features],
        "summed": [_STORED_NAMES.get(name, name) for name in encoder.summed],
    }
    curves = next((item.curves for item in encoder.features if isinstance(item, NameYear)), None)
    return content | ({CURVES: _curves_to_json(curves)} if curves else {})


def encoder_from_json(content: Mapping[str, Any]) -> FeatureEncoder:
    """Read what `encoder_to_json` wrote.

    Args:
        content: Content of `features.json`.

    Returns:
        The encoder.

    Raises:
        KeyError: A key is missing, or a feature is of an unknown kind.

    Examples:
        >>> drive = CategoryCode("drive", Vocabulary.from_ordered(["fwd", "(other)", "4wd"]))
        >>> encoder = FeatureEncoder((NumberFeature("year"), drive))
        >>> encoder_from_json(encoder_to_json(encoder)) == encoder
        True
    """
    shared = {CURVES: _curves_from_json(content[CURVES])} if CURVES in content else {}
    features = tuple(_feature_from_json(item | shared) for item in content["features"])
    return FeatureEncoder(features=features, summed=tuple(map(_feature_name, content["summed"])))


def _feature_name(stored: str) -> str:
    return next((name for name, earlier in _STORED_NAMES.items() if earlier == stored), stored)


def _feature_to_json(feature: ModelFeature) -> dict[str, Any]:
    name = _STORED_NAMES.get(feature.name, feature.name)
    names = {NAMES: TYPED} if getattr(feature, "read", None) is typed_name else {}
    return {"name": name, "reads": _KINDS[type(feature)], **names, **_tables_to_json(feature)}


def _feature_from_json(item: Mapping[str, Any]) -> ModelFeature:
    feature = _READERS[item["reads"]]({**item, "name": _feature_name(item["name"])})
    if item.get(NAMES) != TYPED:
        return feature
    return cast("ModelFeature", replace(cast("Any", feature), read=typed_name))


def _tables_to_json(feature: ModelFeature) -> dict[str, Any]:
    match feature:
        case CategoryCode() | NameCode():
            return {"words": list(feature.vocabulary.categories)}
        case NamePriceLevel():
            tables = [dict(table) for table in feature.encoding.tables]
            return {"market": feature.encoding.market, "tables": tables}
        case NameMiles():
            return {key: getattr(feature, name) for key, name in _MILES_KEYS.items()}
        case CategoryEffects():
            return {"worth": feature.effects, "fields": list(feature.inputs)}
        case FamilyCategoryEffects():
            return {"worth": feature.effects, "fields": list(feature.fields)}
        case NameRows():
            return {"rows": feature.rows, "group": feature.group}
        case ConstantFeature():
            return {"constant": feature.constant}
        case NameAtAge():
            return {"age": feature.age}
    return {}


def _curves_to_json(curves: NameCurves) -> dict[str, Any]:
    return {key: getattr(curves, name) for key, name in _CURVE_KEYS.items()}


def _curves_from_json(content: Mapping[str, Any]) -> NameCurves:
    return NameCurves(**{name: content[key] for key, name in _CURVE_KEYS.items()})


def _fields(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the fields of the effects; bundles of release 0.2 and earlier have the first of a fixed list."""
    return tuple(item.get("fields", UNNAMED_FIELDS[: len(item["worth"])]))


def _encoding_from_json(item: Mapping[str, Any]) -> TargetEncoding:
    return TargetEncoding(tables=tuple(item["tables"]), market=item["market"])


_STORED_NAMES: Mapping[str, str] = {
    IMPLAUSIBLE: "odometer_doubted",
    CATEGORY_EFFECTS: "words",
    FAMILY_CATEGORY_EFFECTS: "family_words",
}
"""Name of a feature -> its name in the bundle, which is that of release 0.1."""

_CURVE_KEYS: Mapping[str, str] = {
    "years": "base_curve",
    "rows": "year_rows",
    "levels": "level_effects",
    "ages": "age_effects",
}
"""Key in the bundle -> field of `NameCurves`."""

_MILES_KEYS: Mapping[str, str] = {
    "miles": "base_curve",
    "rows": "knot_weights",
    "unknown": "missing_effect",
    "doubted": "implausible_effect",
    "slopes": "slopes",
}
"""Key in the bundle -> field of `NameMiles`."""

_KINDS: Mapping[type[ModelFeature], str] = {
    NumberFeature: "Number",
    FlagFeature: "Flag",
    ConstantFeature: "Constant",
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
"""Class of a feature -> its kind in the bundle."""

_READERS: Mapping[str, Callable[[Mapping[str, Any]], ModelFeature]] = {
    "Number": lambda item: NumberFeature(item["name"]),
    "Flag": lambda item: FlagFeature(item["name"]),
    "Constant": lambda item: ConstantFeature(item["name"], item["constant"]),
    "Engine": lambda item: EngineLitres(item["name"]),
    "Category": lambda item: CategoryCode(item["name"], Vocabulary.from_ordered(item["words"])),
    "NameCategory": lambda item: NameCode(item["name"], Vocabulary.from_ordered(item["words"])),
    "NameYear": lambda item: NameYear(item[CURVES], item["name"]),
    "NameAtAge": lambda item: NameAtAge(item[CURVES], item["age"], item["name"]),
    "NameMiles": lambda item: NameMiles(**{name: item[key] for key, name in _MILES_KEYS.items()}),
    "Words": lambda item: CategoryEffects(item["worth"], _fields(item)),
    "FamilyWords": lambda item: FamilyCategoryEffects(item["worth"], _fields(item)),
    "NameRows": lambda item: NameRows(item["rows"], item["group"], item["name"]),
    "NameLevel": lambda item: NamePriceLevel(item["name"], _encoding_from_json(item)),
}
"""Kind of a feature in the bundle -> function that builds it."""
