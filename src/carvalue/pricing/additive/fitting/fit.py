"""Fit the additive model on all rows and on some folds, and convert the coefficients to look-up features."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from carvalue.listings import CATEGORY_FIELDS
from carvalue.pricing.additive.fitting.columns import FAMILY_CATEGORIES, DesignColumns
from carvalue.pricing.additive.fitting.parts import DesignParts, FitRows
from carvalue.pricing.additive.fitting.robust_ridge import robust_ridge, target_sums
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


def fit_additive(parts: DesignParts, columns: DesignColumns) -> list[tuple[AdditivePart, ...]]:
    """Fit the additive model once for each column of the row weights.

    Args:
        parts: The rows.
        columns: Columns of the design matrix.

    Returns:
        For each fit the features `name_year`, `name_young`, `name_old`, `name_miles`, `category_effects` and
        `family_category_effects`.
    """
    fits = robust_ridge(parts, penalty=columns.penalty)
    weight_sum, _ = fits.parts.sum(target_sums)
    means = fits.parts.sum(column_sums) / weight_sum
    years = parts.sum(count_years, newest_year=np.array(columns.newest_year))
    return [
        _features(
            columns,
            coefficients=fits.coefficients[:, number],
            column_means=means[:, number],
            mean_target=float(fits.mean_target[number]),
            year_rows=years[:, number],
        )
        for number in range(len(weight_sum))
    ]


def column_sums(part: FitRows) -> Floats:
    """Sum the weighted values of each column.

    Args:
        part: Rows.

    Returns:
        Sums, shape (columns, fits).
    """
    return part.design.transposed_dot(part.weights)


def count_years(part: FitRows, *, newest_year: Floats) -> Floats:
    """Count the rows of each model year that each fit uses.

    Args:
        part: Rows.
        newest_year: Newest model year, counted from the earliest one.

    Returns:
        Counts, shape (years, fits).
    """
    used = (part.row_weights > 0).astype(np.float64)
    years = int(newest_year) + 1
    return np.stack([np.bincount(part.design.year, fit, minlength=years) for fit in used.T], axis=1)


def _features(
    columns: DesignColumns,
    *,
    coefficients: Floats,
    column_means: Floats,
    mean_target: float,
    year_rows: Floats,
) -> tuple[AdditivePart, ...]:
    coefficients, moved = _centred(columns, coefficients, column_means)
    read = columns.read
    base_curve = coefficients[columns.slices["years"]] + mean_target + moved
    curves = _curves(columns, coefficients, base_curve=base_curve, year_rows=year_rows)
    categories = tuple(field.name for field in CATEGORY_FIELDS)
    by_category = tuple(_table(columns, coefficients, f"category {name}") for name in categories)
    by_family = tuple(_table(columns, coefficients, f"family {name}") for name in FAMILY_CATEGORIES)
    return (
        NameYear(curves, read=read),
        NameAtAge(curves, YOUNG, "name_young", read=read),
        NameAtAge(curves, OLD, "name_old", read=read),
        _name_miles(columns, coefficients, column_means),
        CategoryEffects(by_category, categories),
        FamilyCategoryEffects(by_family, FAMILY_CATEGORIES, read=read),
    )


def _centred(columns: DesignColumns, coefficients: Floats, column_means: Floats) -> tuple[Floats, float]:
    """Centre the category and mileage effects, and return the sum of their means as well.

    With zero-mean effects the parts fitted on different folds are comparable.
    """
    centred, moved = coefficients.copy(), 0.0
    for block, some in columns.slices.items():
        if block == "miles" or block.startswith("category "):
            shift = float(column_means[some] @ coefficients[some])
            centred[some] -= shift
            moved += shift
    return centred, moved


def _curves(
    columns: DesignColumns, coefficients: Floats, *, base_curve: Floats, year_rows: Floats
) -> NameCurves:
    keys = columns.keys["slopes"]
    ages = coefficients[columns.slices["ages"]].reshape(len(AGE_KNOTS), len(keys)).T.round(DIGITS).tolist()
    return NameCurves(
        base_curve=tuple(base_curve.round(DIGITS).tolist()),
        year_rows=tuple((year_rows + 1.0).tolist()),
        level_effects=_table(columns, coefficients, "levels"),
        age_effects=dict(zip(keys, map(tuple, ages), strict=True)),
    )


def _name_miles(columns: DesignColumns, coefficients: Floats, column_means: Floats) -> NameMiles:
    effects = coefficients[columns.slices["miles"]].round(DIGITS).tolist()
    shares = (column_means[columns.slices["miles"]] + 1e-4).round(DIGITS).tolist()
    return NameMiles(
        base_curve=tuple(effects[:-1]),
        knot_weights=tuple(shares[:-1]),
        missing_effect=effects[-1],
        implausible_effect=effects[-1] + sum(_table(columns, coefficients, "implausible").values()),
        slopes=_table(columns, coefficients, "slopes"),
        read=columns.read,
    )


def _table(columns: DesignColumns, coefficients: Floats, block: str) -> Mapping[str, float]:
    values = coefficients[columns.slices[block]].round(DIGITS).tolist()
    return dict(zip(columns.keys[block], values, strict=True))
