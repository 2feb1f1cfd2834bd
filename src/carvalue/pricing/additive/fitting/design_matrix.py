"""Design matrix of the additive model: a sparse column for each name group, category and knot."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from carvalue.listings import CATEGORY_FIELDS, EARLIEST_YEAR, NAME_FIELDS
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

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# rows; a group with fewer has no column of its own
MIN_LEVEL_ROWS, MIN_CURVE_ROWS, MIN_FAMILY_CATEGORY_ROWS = 4, 15, 12
# ridge penalties, in rows of weight 1; chosen on validation rows
UNSHRUNK_PENALTY, LEVEL_PENALTY, AGE_PENALTY, SLOPE_PENALTY = 0.5, 3.0, 10.0, 20.0
CATEGORY_PENALTY, OPEN_CATEGORY_PENALTY, FAMILY_CATEGORY_PENALTY = 2.0, 20.0, 10.0

FAMILY_CATEGORIES = tuple(field.name for field in CATEGORY_FIELDS if not field.is_open)
"""Fields with an effect for each model family: an open one, as the region, has too few cars of a family."""


@dataclass(frozen=True, kw_only=True)
class ColumnBlock:
    """Columns of the design matrix with a common meaning and penalty."""

    values: sparse.csr_matrix
    """Values, shape (rows, columns)."""
    keys: tuple[str, ...]
    """Name group, category or knot of each column."""
    penalty: float
    """Ridge penalty of each column."""


@dataclass(frozen=True, kw_only=True)
class DesignMatrix:
    """All blocks side by side."""

    matrix: sparse.csr_matrix
    """Values, shape (rows, columns)."""
    penalty: Floats
    """Ridge penalty of each column, shape (columns,)."""
    columns: Mapping[str, slice]
    """Name of a block -> its columns."""
    keys: Mapping[str, tuple[str, ...]]
    """Name of a block -> the keys of its columns."""
    year: Ints
    """Model year of each row, counted from `EARLIEST_YEAR`, shape (rows,)."""


def build_design(frame: pl.DataFrame, *, token_curves: bool = True) -> DesignMatrix:
    """Build the design matrix of training rows.

    Args:
        frame: Clean listings with the schema's columns and `IMPLAUSIBLE`; `year` has no missing values.
        token_curves: Whether every token of a name has its own curves over age and miles.

    Returns:
        The matrix; its groups and categories are those of these rows.
    """
    year = np.clip(frame["year"].to_numpy().astype(np.int64) - EARLIEST_YEAR, 0, None)
    year_keys = tuple(map(str, range(int(year.max()) + 1)))
    blocks = {"years": _one_hot(year, keys=year_keys, penalty=UNSHRUNK_PENALTY)}
    blocks |= _name_blocks(frame, year=year, curve_groups=curve_keys if token_curves else group_keys)
    blocks |= _category_blocks(frame)
    ends = np.cumsum([0, *(block.values.shape[1] for block in blocks.values())])
    columns = {name: slice(int(ends[i]), int(ends[i + 1])) for i, name in enumerate(blocks)}
    return DesignMatrix(
        matrix=sparse.hstack([block.values for block in blocks.values()]).tocsr(),
        penalty=np.concatenate([np.full(len(block.keys), block.penalty) for block in blocks.values()]),
        columns=columns,
        keys={name: block.keys for name, block in blocks.items()},
        year=year,
    )


def _name_blocks(
    frame: pl.DataFrame, *, year: Ints, curve_groups: Callable[[CarName], Iterable[str]]
) -> dict[str, ColumnBlock]:
    index, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    rows = np.bincount(index, minlength=len(names))
    levels, level_names = _membership(names, rows, keys_of=level_keys, min_rows=MIN_LEVEL_ROWS)
    curves, curve_names = _membership(names, rows, keys_of=curve_groups, min_rows=MIN_CURVE_ROWS)
    member = curves[index]
    ages, miles, slope = _age_shares(year), *_mile_shares(frame)
    age_values = sparse.hstack([sparse.diags(ages[:, i]) @ member for i in range(len(AGE_KNOTS))]).tocsr()
    age_names = tuple(f"{i} {key}" for i in range(len(AGE_KNOTS)) for key in curve_names)
    slopes = (sparse.diags(slope) @ member).tocsr()
    mile_names = (*map(str, ODOMETER_KNOTS), "missing")
    return {
        "levels": ColumnBlock(values=levels[index], keys=level_names, penalty=LEVEL_PENALTY),
        "ages": ColumnBlock(values=age_values, keys=age_names, penalty=AGE_PENALTY),
        "miles": ColumnBlock(values=sparse.csr_matrix(miles), keys=mile_names, penalty=UNSHRUNK_PENALTY),
        "implausible": _implausible_block(frame),
        "slopes": ColumnBlock(values=slopes, keys=curve_names, penalty=SLOPE_PENALTY),
    }


def _category_blocks(frame: pl.DataFrame) -> dict[str, ColumnBlock]:
    blocks = {}
    for field in CATEGORY_FIELDS:
        codes, keys = _coded(frame, (field.name,), lambda *cells: normalize_word(cells[0]), min_rows=1)
        penalty = OPEN_CATEGORY_PENALTY if field.is_open else CATEGORY_PENALTY
        blocks[f"category {field.name}"] = _one_hot(codes, keys=keys, penalty=penalty)
    for name in FAMILY_CATEGORIES:
        codes, keys = _coded(
            frame,
            (*NAME_FIELDS, name),
            lambda *cells: family_category_key(group_keys(car_name(*cells[:2]))[1], normalize_word(cells[2])),
            min_rows=MIN_FAMILY_CATEGORY_ROWS,
        )
        blocks[f"family {name}"] = _one_hot(codes, keys=keys, penalty=FAMILY_CATEGORY_PENALTY)
    return blocks


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


def _coded(
    frame: pl.DataFrame, fields: tuple[str, ...], key_of: Callable[..., str], *, min_rows: int
) -> tuple[Ints, tuple[str, ...]]:
    """Code each row's category, -1 where it is rare, and list the categories."""
    index, cells = distinct_cells(frame, fields)
    keys = [key_of(*row) for row in cells]
    counts: Counter[str] = Counter()
    for key, times in zip(keys, np.bincount(index, minlength=len(keys)).tolist(), strict=True):
        counts[key] += times
    kept = tuple(sorted(key for key, times in counts.items() if times >= min_rows))
    code = {key: i for i, key in enumerate(kept)}
    return np.array([code.get(key, -1) for key in keys], dtype=np.int64)[index], kept


def _implausible_block(frame: pl.DataFrame) -> ColumnBlock:
    """Build the column of implausible odometers: their effect in addition to that of a missing one."""
    index, cells = distinct_cells(frame, (IMPLAUSIBLE,))
    flags = np.array([float(bool(cell)) for (cell,) in cells])[index]
    values = sparse.csr_matrix(flags[:, None])
    return ColumnBlock(values=values, keys=(IMPLAUSIBLE,), penalty=UNSHRUNK_PENALTY)


def _one_hot(codes: Ints, *, keys: tuple[str, ...], penalty: float) -> ColumnBlock:
    rows = np.flatnonzero(codes >= 0)
    values = sparse.csr_matrix((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), len(keys)))
    return ColumnBlock(values=values, keys=keys, penalty=penalty)


def _age_shares(year: Ints) -> Floats:
    """Split each row between the two `AGE_KNOTS` around its age, shape (rows, knots)."""
    newest = int(year.max())
    table = np.zeros((newest + 1, len(AGE_KNOTS)))
    for number in range(newest + 1):
        segment, share = locate(AGE_KNOTS, float(newest - number))
        table[number, segment], table[number, segment + 1] = 1 - share, share
    return table[year]


def _mile_shares(frame: pl.DataFrame) -> tuple[Floats, Floats]:
    """Split each row between the two `ODOMETER_KNOTS` around its mileage, and interpolate `SLOPE_BASIS`.

    Shapes (rows, knots + 1), where the last column is a missing odometer, and (rows,).
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
    return shares[index], slope[index]
