"""Fit the feature encoder on training rows in parts, and once more without each fold of cars."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import CATEGORY_FIELDS, NAME_FIELDS, NUMBER_FIELDS
from carvalue.parallel import Table, part_file
from carvalue.pricing.additive import SUMMED, AdditivePart, NameRows, group_keys
from carvalue.pricing.additive.fitting import (
    DesignColumns,
    DesignParts,
    FitRows,
    StoredRows,
    build_design,
    choose_columns,
    count_cells,
    fit_additive,
    write_part,
)
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    NAME_PARTS,
    CategoryCode,
    ConstantFeature,
    EngineLitres,
    FeatureEncoder,
    FlagFeature,
    ModelFeature,
    NameCode,
    NamePriceLevel,
    NameReader,
    NumberFeature,
    Vocabulary,
    drop_implausible,
    fit_target_encoding,
    name_keys,
    normalize_word,
    order_by_level,
)
from carvalue.pricing.training.components import COMPLETE, Components
from carvalue.pricing.training.encoding.price_sums import PriceSums, log_prices, price_levels, sum_prices
from carvalue.pricing.training.encoding.training_encoder import TrainingEncoder
from carvalue.pricing.training.encoding.training_rows import FOLDS, TrainingRows, count_listings, fold_of_car

MIN_CATEGORY_ROWS = 20  # rows; rarer categories share the code of `other`
MEAN_PRICE = "mean_price"
"""Name of the column that trees start from without an additive model."""
FITS: tuple[int | None, ...] = (None, *range(FOLDS))
"""The fold that each fit leaves out; the first fit uses all rows."""

Floats = npt.NDArray[np.float64]
Included = npt.NDArray[np.bool_]
"""Whether each fit uses each fold, shape (folds, fits)."""


def fit_training_encoder(rows: TrainingRows, *, components: Components = COMPLETE) -> TrainingEncoder:
    """Fit every feature on all rows, and those that depend on prices once more for each fold.

    Args:
        rows: Training rows with `price`, `car` and all fields of a listing.
        components: Components of the model.

    Returns:
        The encoder with its cross-fitted variants.
    """
    sums = sum_prices(rows.scan())
    newest_year = sums.newest_year
    by_price = [_price_levels(sums, fold=fold, components=components) for fold in FITS]
    if components.additive_model:
        additive = _fit_additive(rows, sums, newest_year=newest_year, components=components)
        by_price = [(*levels, *parts) for levels, parts in zip(by_price, additive, strict=True)]
    complete, *folds = by_price
    encoder = _encoder(sums, complete, components=components)
    return TrainingEncoder(encoder=encoder, folds=tuple(folds), newest_year=newest_year)


def _encoder(sums: PriceSums, by_price: Sequence[ModelFeature], *, components: Components) -> FeatureEncoder:
    features: list[ModelFeature] = [
        *(NumberFeature(field.name) for field in NUMBER_FIELDS),
        FlagFeature(IMPLAUSIBLE),
        EngineLitres(),
    ]
    present = {IMPLAUSIBLE: components.implausible_odometers, "litres": components.parsed_names}
    features, read = [item for item in features if present.get(item.name, True)], components.read_name
    features += [CategoryCode(field.name, _vocabulary(sums, field.name)) for field in CATEGORY_FIELDS]
    parts: tuple[Literal["make", "family"], ...] = ("make", "family")
    features += [NameCode(part, _name_vocabulary(sums, part, read=read), read=read) for part in parts]
    features += [NameRows(*arguments, read=read) for arguments in _name_rows(sums, read=read)]
    summed = SUMMED if components.additive_model else (MEAN_PRICE,)
    return FeatureEncoder(features=(*features, *by_price), summed=summed)


def _price_levels(sums: PriceSums, *, fold: int | None, components: Components) -> tuple[ModelFeature, ...]:
    """Fit the features that need sums of prices only."""
    names, read = sums.outside(fold), components.read_name
    features: list[ModelFeature] = []
    if components.target_encoding:
        keys = ["wide", "middle", "narrow"]
        levels = price_levels(
            names, by=NAME_FIELDS, keys_of=lambda *cells: name_keys(read(*cells)), names=keys
        )
        features.append(NamePriceLevel("name_level", fit_target_encoding(levels), read=read))
    if not components.additive_model:
        mean = float(names["total"].sum()) / int(names["rows"].sum())
        features.append(ConstantFeature(MEAN_PRICE, mean))
    return tuple(features)


def _fit_additive(
    rows: TrainingRows, sums: PriceSums, *, newest_year: int, components: Components
) -> list[tuple[AdditivePart, ...]]:
    columns = choose_columns(
        count_cells(rows.scan()), token_curves=components.token_curves, read=components.read_name
    )
    listings = count_listings(rows)
    make_part = partial(
        _fit_rows,
        included=_included(sums),
        newest_year=newest_year if components.implausible_odometers else None,
    )
    if rows.scratch is None:
        parts = [make_part(table, columns=columns, listings=listings) for table in rows.tables]
        return fit_additive(DesignParts(parts=parts), columns)
    folder = rows.scratch / f"design-{uuid4().hex}"
    files = rows.workers.map(
        partial(_write_part, make_part=make_part, into=folder),
        list(enumerate(rows.tables)),
        description="design matrix",
        shared={"columns": columns, "listings": listings},
    )
    try:
        return fit_additive(DesignParts(parts=files, workers=rows.workers), columns)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _included(sums: PriceSums) -> Included:
    folds = [sums.outside(fold)["fold"].unique().to_list() for fold in FITS]
    return np.array([[fold in used for used in folds] for fold in range(len(FITS) - 1)])


def _fit_rows(
    table: Table,
    *,
    columns: DesignColumns,
    listings: pl.DataFrame,
    included: Included,
    newest_year: int | None,
) -> FitRows:
    """Build the design matrix of a part; without the newest year all odometers are taken as typed."""
    frame = table().collect()
    if newest_year is not None:
        frame = drop_implausible(frame, newest_year=newest_year)
    fold = frame.select(fold_of_car()).to_series().to_numpy()
    weights = row_weights(frame, listings)[:, np.newaxis] * included[fold]
    return FitRows(
        design=build_design(frame, columns),
        target=log_prices(frame).to_numpy(),
        row_weights=weights,
        weights=weights,
    )


def row_weights(frame: pl.DataFrame, listings: pl.DataFrame) -> Floats:
    """Compute row weights so that the n listings of one car weigh sqrt(n) together.

    Args:
        frame: A part of the rows; the column `car` identifies the car.
        listings: Frame with `car` and `listings`, for cars with several listings in all rows.

    Returns:
        Weights, shape (rows,).

    Examples:
        >>> rows = pl.DataFrame({"car": [7, 7, 8]})
        >>> row_weights(rows, pl.DataFrame({"car": [7], "listings": [4]})).tolist()
        [0.5, 0.5, 1.0]
    """
    placed = frame.select("car").join(listings, on="car", how="left", maintain_order="left")
    weights: Floats = placed["listings"].fill_null(1).cast(pl.Float64).to_numpy() ** -0.5
    return weights


def _write_part(
    numbered: tuple[int, Table],
    *,
    make_part: "partial[FitRows]",
    into: Path,
    columns: DesignColumns,
    listings: pl.DataFrame,
) -> StoredRows:
    number, table = numbered
    rows = make_part(table, columns=columns, listings=listings)
    return write_part(rows, part_file(into, number).with_suffix(".rows"))


def _vocabulary(sums: PriceSums, field: str) -> Vocabulary:
    return _ordered(sums, sums.categories[field], ["cell"], lambda cell: (normalize_word(cell),))


def _name_vocabulary(sums: PriceSums, part: Literal["make", "family"], *, read: NameReader) -> Vocabulary:
    return _ordered(sums, sums.names, NAME_FIELDS, lambda *cells: (NAME_PARTS[part](read(*cells)),))


def _ordered(
    sums: PriceSums, table: pl.DataFrame, by: Sequence[str], key_of: Callable[..., tuple[str, ...]]
) -> Vocabulary:
    levels = price_levels(table, by=by, keys_of=key_of, names=["category"])
    means = levels.select("category", pl.col("level") / pl.col("rows"), "rows")
    return order_by_level(means.iter_rows(), min_rows=min(MIN_CATEGORY_ROWS, max(2, sums.rows // 1_000)))


def _name_rows(sums: PriceSums, *, read: NameReader) -> list[tuple[dict[str, int], int, str]]:
    counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    names = sums.names.group_by(NAME_FIELDS, maintain_order=True).agg(pl.col("rows").sum())
    for *cells, rows in names.iter_rows():
        for counter, key in zip(counts, group_keys(read(*cells)), strict=True):
            counter[key] += rows
    return [(dict(counts[i]), i, name) for i, name in ((1, "family_rows"), (2, "start_rows"))]
