"""Design matrix of the additive model: a column for each name group, category and knot."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl
from scipy import sparse

from carvalue.listings import CATEGORY_FIELDS, EARLIEST_YEAR, NAME_FIELDS
from carvalue.pricing.additive.fitting.blocks import ColumnBlock, DesignMatrix, Floats, Ints
from carvalue.pricing.additive.isotonic import interpolate, locate
from carvalue.pricing.additive.lookups import (
    AGE_KNOTS,
    ODOMETER_KNOTS,
    SLOPE_BASIS,
    curve_keys,
    family_category_key,
    group_keys,
    level_keys,
)
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    CarName,
    car_name,
    distinct_cells,
    normalize_word,
)

# rows; a group with fewer has no column of its own
MIN_LEVEL_ROWS, MIN_CURVE_ROWS, MIN_FAMILY_CATEGORY_ROWS = 4, 15, 12
# ridge penalties, in rows of weight 1; chosen on validation rows
UNSHRUNK_PENALTY, LEVEL_PENALTY, AGE_PENALTY, SLOPE_PENALTY = 0.5, 3.0, 10.0, 20.0
CATEGORY_PENALTY, OPEN_CATEGORY_PENALTY, FAMILY_CATEGORY_PENALTY = 2.0, 20.0, 10.0

FAMILY_CATEGORIES = tuple(field.name for field in CATEGORY_FIELDS if not field.is_open)
"""Fields with an effect for each model family: an open one, as the region, has too few cars of a family."""


def build_design(frame: pl.DataFrame, *, token_curves: bool = True) -> DesignMatrix:
    """Build the design matrix of training rows.

    Args:
        frame: Clean listings with the schema's columns and `IMPLAUSIBLE`; `year` has no missing values.
        token_curves: Whether every token of a name has its own curves over age and miles.

    Returns:
        The matrix; its groups and categories are those of these rows.
    """
    year = np.clip(frame["year"].to_numpy().astype(np.int64) - EARLIEST_YEAR, 0, None)
    name, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    years = tuple(map(str, range(int(year.max()) + 1)))
    blocks = {
        "years": ColumnBlock(table=_identity(len(years)), index=year, keys=years, penalty=UNSHRUNK_PENALTY)
    }
    curve_groups = curve_keys if token_curves else group_keys
    blocks |= _name_blocks(frame, names=names, name=name, year=year, curve_groups=curve_groups)
    blocks |= _category_blocks(frame, names=names, name=name)
    return DesignMatrix(blocks=blocks, year=year)


def _name_blocks(
    frame: pl.DataFrame,
    *,
    names: Sequence[CarName],
    name: Ints,
    year: Ints,
    curve_groups: Callable[[CarName], Iterable[str]],
) -> dict[str, ColumnBlock]:
    rows = np.bincount(name, minlength=len(names))
    levels, level_names = _membership(names, rows, keys_of=level_keys, min_rows=MIN_LEVEL_ROWS)
    curves, curve_names = _membership(names, rows, keys_of=curve_groups, min_rows=MIN_CURVE_ROWS)
    age_names = tuple(f"{knot} {key}" for knot in range(len(AGE_KNOTS)) for key in curve_names)
    ages, age_of = _ages(curves, name=name, year=year)
    miles, slope, mile_of = _miles(frame)
    flags, flag_of = _flags(frame)
    mile_names = (*map(str, ODOMETER_KNOTS), "missing")
    return {
        "levels": ColumnBlock(table=levels, index=name, keys=level_names, penalty=LEVEL_PENALTY),
        "ages": ColumnBlock(table=ages, index=age_of, keys=age_names, penalty=AGE_PENALTY),
        "miles": ColumnBlock(table=miles, index=mile_of, keys=mile_names, penalty=UNSHRUNK_PENALTY),
        # in addition to the effect of a missing odometer
        "implausible": ColumnBlock(table=flags, index=flag_of, keys=(IMPLAUSIBLE,), penalty=UNSHRUNK_PENALTY),
        "slopes": ColumnBlock(
            table=curves, index=name, factor=slope[mile_of], keys=curve_names, penalty=SLOPE_PENALTY
        ),
    }


def _category_blocks(frame: pl.DataFrame, *, names: Sequence[CarName], name: Ints) -> dict[str, ColumnBlock]:
    families, family_of_name = _coded(group_keys(name)[1] for name in names)
    family, blocks, by_family = family_of_name[name], {}, {}
    for field in CATEGORY_FIELDS:
        cell, cells = distinct_cells(frame, (field.name,))
        categories, category_of_cell = _coded(normalize_word(value) for (value,) in cells)
        category = category_of_cell[cell]
        penalty = OPEN_CATEGORY_PENALTY if field.is_open else CATEGORY_PENALTY
        blocks[f"category {field.name}"] = _one_hot(category, categories, penalty=penalty, min_rows=1)
        if field.name in FAMILY_CATEGORIES:
            pairs, pair = np.unique(family * len(categories) + category, return_inverse=True)
            keys = [
                family_category_key(families[number // len(categories)], categories[number % len(categories)])
                for number in pairs.tolist()
            ]
            by_family[f"family {field.name}"] = _one_hot(
                pair, keys, penalty=FAMILY_CATEGORY_PENALTY, min_rows=MIN_FAMILY_CATEGORY_ROWS
            )
    return blocks | by_family


def _membership(
    names: Sequence[CarName], rows: Ints, *, keys_of: Callable[[CarName], Iterable[str]], min_rows: int
) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    """Build the indicator matrix of names and groups, and list the groups; rare groups are left out."""
    keys = [tuple(keys_of(name)) for name in names]
    counts: Counter[str] = Counter()
    for groups, times in zip(keys, rows.tolist(), strict=True):
        for group in groups:
            counts[group] += times
    kept = tuple(sorted(group for group, times in counts.items() if times >= min_rows))
    column_of = {group: i for i, group in enumerate(kept)}
    members = [[column_of[group] for group in groups if group in column_of] for groups in keys]
    starts = np.cumsum([0, *map(len, members)])
    flat = np.fromiter((i for row in members for i in row), dtype=np.int32, count=int(starts[-1]))
    return sparse.csr_matrix((np.ones(len(flat)), flat, starts), shape=(len(names), len(kept))), kept


def _coded(keys: Iterable[str]) -> tuple[list[str], Ints]:
    """List the distinct keys, and give the position of each key in the list."""
    found: dict[str, int] = {}
    codes = np.array([found.setdefault(key, len(found)) for key in keys], dtype=np.int64)
    return list(found), codes


def _one_hot(codes: Ints, keys: Sequence[str], *, penalty: float, min_rows: int) -> ColumnBlock:
    """Give each key that has enough rows a column; the columns are sorted by key."""
    rows = np.bincount(codes, minlength=len(keys))
    kept = sorted((key, code) for code, key in enumerate(keys) if rows[code] >= min_rows)
    values, codes_of_columns = np.ones(len(kept)), [code for _, code in kept]
    table = sparse.csr_matrix(
        (values, (codes_of_columns, np.arange(len(kept)))), shape=(len(keys), len(kept))
    )
    return ColumnBlock(table=table, index=codes, keys=tuple(key for key, _ in kept), penalty=penalty)


def _identity(size: int) -> sparse.csr_matrix:
    return sparse.identity(size, format="csr")


def _flags(frame: pl.DataFrame) -> tuple[sparse.csr_matrix, Ints]:
    index, cells = distinct_cells(frame, (IMPLAUSIBLE,))
    return sparse.csr_matrix([[float(bool(cell))] for (cell,) in cells]), index


def _ages(curves: sparse.csr_matrix, *, name: Ints, year: Ints) -> tuple[sparse.csr_matrix, Ints]:
    """Split the groups of each name and year between the two `AGE_KNOTS` around the age.

    Shapes (pairs of name and year, knots * groups), and (rows,) for the pair of each row.
    """
    newest = int(year.max())
    pairs, index = np.unique(name * (newest + 1) + year, return_inverse=True)
    shares = np.zeros((newest + 1, len(AGE_KNOTS)))
    for number in range(newest + 1):
        segment, share = locate(AGE_KNOTS, float(newest - number))
        shares[number, segment], shares[number, segment + 1] = 1 - share, share
    member, of_pair = curves[pairs // (newest + 1)], shares[pairs % (newest + 1)]
    by_knot = [sparse.diags(of_pair[:, knot]) @ member for knot in range(len(AGE_KNOTS))]
    return sparse.hstack(by_knot).tocsr(), index


def _miles(frame: pl.DataFrame) -> tuple[sparse.csr_matrix, Floats, Ints]:
    """Split each mileage between the two `ODOMETER_KNOTS` around it, and interpolate `SLOPE_BASIS`.

    Shapes (distinct mileages, knots + 1), where the last column is a missing odometer, (distinct mileages,),
    and (rows,) for the mileage of each row.
    """
    index, cells = distinct_cells(frame, ("odometer",))
    shares, slope = np.zeros((len(cells), len(ODOMETER_KNOTS) + 1)), np.zeros(len(cells))
    for number, (miles,) in enumerate(cells):
        if miles is None or miles != miles:
            shares[number, -1] = 1
            continue
        segment, share = locate(ODOMETER_KNOTS, float(miles))
        shares[number, segment], shares[number, segment + 1] = 1 - share, share
        slope[number] = interpolate(SLOPE_BASIS, segment, share)
    return sparse.csr_matrix(shares), slope, index
