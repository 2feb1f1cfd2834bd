"""Fit the additive model on all rows or on some folds, and convert the coefficients to look-up features."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import CATEGORY_FIELDS
from carvalue.pricing.additive.fitting.blocks import DesignMatrix
from carvalue.pricing.additive.fitting.design_matrix import FAMILY_CATEGORIES
from carvalue.pricing.additive.fitting.robust_ridge import robust_ridge
from carvalue.pricing.additive.lookups import (
    AGE_KNOTS,
    AdditivePart,
    CategoryEffects,
    FamilyCategoryEffects,
    NameAtAge,
    NameCurves,
    NameMiles,
    NameYear,
)

Floats = npt.NDArray[np.float64]
DIGITS = 6  # decimals of a coefficient in log dollars: a millionth of the price, and a smaller bundle
YOUNG, OLD = 3, 12  # years; the two ages at which the level of a name is a feature


def row_weights(frame: pl.DataFrame) -> Floats:
    """Compute row weights so that the n listings of one car weigh sqrt(n) together.

    Args:
        frame: Listings; the column `car` identifies the car, without it every row is a car of its own.

    Returns:
        Weights, shape (rows,).

    Examples:
        >>> row_weights(pl.DataFrame({"car": [7, 7, 7, 7, 8]})).tolist()
        [0.5, 0.5, 0.5, 0.5, 1.0]
    """
    if "car" not in frame.columns:
        return np.ones(frame.height)
    listings: Floats = frame.select(pl.len().over("car").cast(pl.Float64)).to_series().to_numpy()
    return listings**-0.5


def fit_parts(
    design: DesignMatrix, log_price: Floats, *, weights: Floats, rows: npt.NDArray[np.int64]
) -> tuple[AdditivePart, ...]:
    """Fit the additive model on some rows of a design matrix.

    Args:
        design: Design matrix of all rows.
        log_price: Target in log dollars, shape (all rows,).
        weights: Weights, shape (all rows,).
        rows: Indices of the rows to fit on.

    Returns:
        The features `name_year`, `name_young`, `name_old`, `name_miles`, `words` and `family_words`.
    """
    chosen, target = design.select(rows), log_price[rows]
    mean_target = float(np.average(target, weights=weights[rows]))
    coefficients, final_weights = robust_ridge(chosen, target - mean_target, weights=weights[rows])
    column_means = chosen.transposed_dot(final_weights) / final_weights.sum()
    level = mean_target + _centre(design, coefficients, column_means)
    base_curve = coefficients[design.columns["years"]] + level
    curves = _curves(chosen, coefficients, base_curve=base_curve)
    categories = tuple(field.name for field in CATEGORY_FIELDS)
    by_category = tuple(_table(design, coefficients, f"category {name}") for name in categories)
    by_family = tuple(_table(design, coefficients, f"family {name}") for name in FAMILY_CATEGORIES)
    return (
        NameYear(curves),
        NameAtAge(curves, YOUNG, "name_young"),
        NameAtAge(curves, OLD, "name_old"),
        _name_miles(design, coefficients, column_means),
        CategoryEffects(by_category, categories),
        FamilyCategoryEffects(by_family, FAMILY_CATEGORIES),
    )


def _centre(design: DesignMatrix, coefficients: Floats, column_means: Floats) -> float:
    """Centre the category and mileage effects in place and return the sum of their means.

    With zero-mean effects the parts fitted on different folds are comparable.
    """
    moved = 0.0
    for block, columns in design.columns.items():
        if block == "miles" or block.startswith("category "):
            shift = float(column_means[columns] @ coefficients[columns])
            coefficients[columns] -= shift
            moved += shift
    return moved


def _curves(design: DesignMatrix, coefficients: Floats, *, base_curve: Floats) -> NameCurves:
    keys = design.blocks["slopes"].keys
    ages = coefficients[design.columns["ages"]].reshape(len(AGE_KNOTS), len(keys)).T.round(DIGITS).tolist()
    counts = np.bincount(design.year, minlength=len(base_curve)) + 1.0
    return NameCurves(
        base_curve=tuple(base_curve.round(DIGITS).tolist()),
        year_rows=tuple(counts.tolist()),
        level_effects=_table(design, coefficients, "levels"),
        age_effects=dict(zip(keys, map(tuple, ages), strict=True)),
    )


def _name_miles(design: DesignMatrix, coefficients: Floats, column_means: Floats) -> NameMiles:
    effects = coefficients[design.columns["miles"]].round(DIGITS).tolist()
    shares = (column_means[design.columns["miles"]] + 1e-4).round(DIGITS).tolist()
    return NameMiles(
        base_curve=tuple(effects[:-1]),
        knot_weights=tuple(shares[:-1]),
        missing_effect=effects[-1],
        implausible_effect=effects[-1] + sum(_table(design, coefficients, "implausible").values()),
        slopes=_table(design, coefficients, "slopes"),
    )


def _table(design: DesignMatrix, coefficients: Floats, block: str) -> Mapping[str, float]:
    values = coefficients[design.columns[block]].round(DIGITS).tolist()
    return dict(zip(design.blocks[block].keys, values, strict=True))
