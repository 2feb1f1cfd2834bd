"""Fit the additive model, on all rows or on some folds, and turn its coefficients into look-ups."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.pricing.additive.fitting.design_matrix import DesignMatrix
from carvalue.pricing.additive.fitting.robust_ridge import robust_ridge
from carvalue.pricing.additive.lookups import (
    AGES,
    CATEGORY_FIELDS,
    FAMILY_CATEGORY_FIELDS,
    AdditivePart,
    CategoryEffects,
    FamilyCategoryEffects,
    NameAtAge,
    NameCurves,
    NameMiles,
    NameYear,
)

Floats = npt.NDArray[np.float64]
DIGITS = 6  # of a coefficient in log dollars: a millionth of the price, and a smaller bundle
YOUNG, OLD = 3, 12  # years; the two ages at which a name's level is a feature


def row_weights(frame: pl.DataFrame) -> Floats:
    """Let a car that was posted n times weigh as the square root of n."""
    if "car" not in frame.columns:
        return np.ones(frame.height)
    posted: Floats = frame.select(pl.len().over("car").cast(pl.Float64)).to_series().to_numpy()
    return posted**-0.5


def fit_parts(
    design: DesignMatrix, log_price: Floats, *, weights: Floats, rows: npt.NDArray[np.int64]
) -> tuple[AdditivePart, ...]:
    """Fit on these rows of the design and give the look-up features."""
    matrix, target = design.matrix[rows], log_price[rows]
    middle = float(np.average(target, weights=weights[rows]))
    found, now = robust_ridge(matrix, target - middle, weights=weights[rows], penalty=design.penalty)
    mean = (matrix.T @ now) / now.sum()
    moved = middle + _centre(design, found, mean)
    curves = _curves(design, found, years=found[design.columns["years"]] + moved, rows=rows)
    return (
        NameYear(curves),
        NameAtAge(curves, YOUNG, "name_young"),
        NameAtAge(curves, OLD, "name_old"),
        _name_miles(design, found, mean),
        CategoryEffects(tuple(_table(design, found, f"word {field}") for field in CATEGORY_FIELDS)),
        FamilyCategoryEffects(
            tuple(_table(design, found, f"family {field}") for field in FAMILY_CATEGORY_FIELDS)
        ),
    )


def _centre(design: DesignMatrix, found: Floats, mean: Floats) -> float:
    """Take each word's and mile's mean into the level, so that the parts of two folds are comparable."""
    moved = 0.0
    for block, columns in design.columns.items():
        if block == "miles" or block.startswith("word "):
            shift = float(mean[columns] @ found[columns])
            found[columns] -= shift
            moved += shift
    return moved


def _curves(design: DesignMatrix, found: Floats, *, years: Floats, rows: npt.NDArray[np.int64]) -> NameCurves:
    keys = design.keys["slopes"]
    ages = found[design.columns["ages"]].reshape(len(AGES), len(keys)).T.round(DIGITS).tolist()
    counted = np.bincount(design.year[rows], minlength=len(years)) + 1.0
    return NameCurves(
        years=tuple(years.round(DIGITS).tolist()),
        rows=tuple(counted.tolist()),
        levels=_table(design, found, "levels"),
        ages=dict(zip(keys, map(tuple, ages), strict=True)),
    )


def _name_miles(design: DesignMatrix, found: Floats, mean: Floats) -> NameMiles:
    worth = found[design.columns["miles"]].round(DIGITS).tolist()
    shares = (mean[design.columns["miles"]] + 1e-4).round(DIGITS).tolist()
    return NameMiles(
        miles=tuple(worth[:-1]),
        rows=tuple(shares[:-1]),
        unknown=worth[-1],
        doubted=worth[-1] + sum(_table(design, found, "doubted").values()),
        slopes=_table(design, found, "slopes"),
    )


def _table(design: DesignMatrix, found: Floats, block: str) -> Mapping[str, float]:
    values = found[design.columns[block]].round(DIGITS).tolist()
    return dict(zip(design.keys[block], values, strict=True))
