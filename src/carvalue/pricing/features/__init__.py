"""Turn a listing into numeric model features."""

from carvalue.pricing.features.car_names import NAME_PARTS, NameReader, car_name, name_keys, typed_name
from carvalue.pricing.features.cells import (
    Cells,
    Distinct,
    FrameCells,
    Indices,
    ListingCells,
    SelectedCells,
    coded,
    distinct_cells,
    used_codes,
)
from carvalue.pricing.features.columns import (
    CategoryCode,
    ConstantFeature,
    EngineLitres,
    FlagFeature,
    ModelFeature,
    NameCode,
    NamePriceLevel,
    NumberFeature,
)
from carvalue.pricing.features.encoder import FeatureEncoder, Matrix
from carvalue.pricing.features.model_names import CarName, read_name
from carvalue.pricing.features.odometer import (
    IMPLAUSIBLE,
    MIN_PLAUSIBLE_ODOMETER,
    NO_ROWS,
    WITHOUT_ODOMETER,
    drop_implausible,
    implausible_rows,
    is_implausible,
)
from carvalue.pricing.features.ordinal import OTHER, Vocabulary, normalize_word, order_by_level
from carvalue.pricing.features.target_encoding import TargetEncoding, fit_target_encoding
from carvalue.pricing.features.weak_cache import weak_lru_cache

__all__ = [
    "IMPLAUSIBLE",
    "MIN_PLAUSIBLE_ODOMETER",
    "NAME_PARTS",
    "NO_ROWS",
    "OTHER",
    "WITHOUT_ODOMETER",
    "CarName",
    "CategoryCode",
    "Cells",
    "ConstantFeature",
    "Distinct",
    "EngineLitres",
    "FeatureEncoder",
    "FlagFeature",
    "FrameCells",
    "Indices",
    "ListingCells",
    "Matrix",
    "ModelFeature",
    "NameCode",
    "NamePriceLevel",
    "NameReader",
    "NumberFeature",
    "SelectedCells",
    "TargetEncoding",
    "Vocabulary",
    "car_name",
    "coded",
    "distinct_cells",
    "drop_implausible",
    "fit_target_encoding",
    "implausible_rows",
    "is_implausible",
    "name_keys",
    "normalize_word",
    "order_by_level",
    "read_name",
    "typed_name",
    "used_codes",
    "weak_lru_cache",
]
