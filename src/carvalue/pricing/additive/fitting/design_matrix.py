"""Design matrix of the additive model: the values of the rows in each column."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl
from scipy import sparse

from carvalue.listings import CATEGORY_FIELDS, EARLIEST_YEAR, NAME_FIELDS
from carvalue.pricing.additive.fitting.blocks import ColumnBlock, DesignMatrix, Floats, Ints
from carvalue.pricing.additive.fitting.columns import FAMILY_CATEGORIES, DesignColumns
from carvalue.pricing.additive.isotonic import interpolate, locate
from carvalue.pricing.additive.lookups import (
    AGE_KNOTS,
    ODOMETER_KNOTS,
    SLOPE_BASIS,
    family_category_key,
    group_keys,
    level_keys,
)
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    CarName,
    coded,
    distinct_cells,
    normalize_word,
)


def build_design(frame: pl.DataFrame, columns: DesignColumns) -> DesignMatrix:
    """Build the design matrix of training rows, or of a part of them.

    Args:
        frame: Clean listings with the schema's columns and `IMPLAUSIBLE`; `year` has no missing values.
        columns: Columns of all training rows.

    Returns:
        The matrix.
    """
    return _Builder(frame, columns).build()


class _Builder:
    """Builds the blocks of a frame."""

    def __init__(self, frame: pl.DataFrame, columns: DesignColumns) -> None:
        self._frame, self._columns = frame, columns
        self._year = np.clip(
            frame["year"].to_numpy().astype(np.int64) - EARLIEST_YEAR, 0, columns.newest_year
        )
        self._name, cells = distinct_cells(frame, NAME_FIELDS)
        self._names = [columns.read(*row) for row in cells]

    def build(self) -> DesignMatrix:
        blocks = self._name_blocks() | self._category_blocks()
        return DesignMatrix.join([blocks[name] for name in self._columns.keys], year=self._year)

    def _name_blocks(self) -> dict[str, ColumnBlock]:
        keys = self._columns.keys
        curves = _membership(self._names, keys["slopes"], keys_of=self._columns.curve_groups)
        ages, age = _ages(curves, name=self._name, year=self._year, newest=self._columns.newest_year)
        miles, slope, mile = _miles(self._frame)
        flags, flag = _flags(self._frame)
        return {
            "years": ColumnBlock(table=sparse.identity(len(keys["years"]), format="csr"), index=self._year),
            "levels": ColumnBlock(
                table=_membership(self._names, keys["levels"], keys_of=level_keys), index=self._name
            ),
            "ages": ColumnBlock(table=ages, index=age),
            "miles": ColumnBlock(table=miles, index=mile),
            "implausible": ColumnBlock(table=flags, index=flag),
            "slopes": ColumnBlock(table=curves, index=self._name, factor=slope[mile]),
        }

    def _category_blocks(self) -> dict[str, ColumnBlock]:
        families, family_of_name = coded(group_keys(name)[1] for name in self._names)
        family, blocks = family_of_name[self._name], {}
        for field in CATEGORY_FIELDS:
            cell, cells = distinct_cells(self._frame, (field.name,))
            categories, category_of_cell = coded(normalize_word(value) for (value,) in cells)
            category, block = category_of_cell[cell], f"category {field.name}"
            blocks[block] = self._one_hot(block, category, categories)
            if field.name in FAMILY_CATEGORIES:
                pairs, pair = np.unique(family * len(categories) + category, return_inverse=True)
                keys = [
                    family_category_key(families[code // len(categories)], categories[code % len(categories)])
                    for code in pairs.tolist()
                ]
                block = f"family {field.name}"
                blocks[block] = self._one_hot(block, pair, keys)
        return blocks

    def _one_hot(self, block: str, codes: Ints, keys: Sequence[str]) -> ColumnBlock:
        """Put a one into the column of each row's key; a key without a column has none."""
        column_of = {key: column for column, key in enumerate(self._columns.keys[block])}
        places = [(code, column_of[key]) for code, key in enumerate(keys) if key in column_of]
        rows, columns = zip(*places, strict=True) if places else ((), ())
        table = sparse.csr_matrix((np.ones(len(places)), (rows, columns)), shape=(len(keys), len(column_of)))
        return ColumnBlock(table=table, index=codes)


def _membership(
    names: Sequence[CarName], groups: Sequence[str], *, keys_of: Callable[[CarName], Iterable[str]]
) -> sparse.csr_matrix:
    """Build the indicator matrix of names and groups, shape (names, groups)."""
    column_of = {group: column for column, group in enumerate(groups)}
    members = [[column_of[key] for key in keys_of(name) if key in column_of] for name in names]
    starts = np.cumsum([0, *map(len, members)])
    flat = np.fromiter((column for row in members for column in row), dtype=np.int32, count=int(starts[-1]))
    return sparse.csr_matrix((np.ones(len(flat)), flat, starts), shape=(len(names), len(groups)))


def _flags(frame: pl.DataFrame) -> tuple[sparse.csr_matrix, Ints]:
    index, cells = distinct_cells(frame, (IMPLAUSIBLE,))
    flags = np.array([float(bool(cell)) for (cell,) in cells]).reshape(-1, 1)  # also of a part without rows
    return sparse.csr_matrix(flags), index


def _ages(
    curves: sparse.csr_matrix, *, name: Ints, year: Ints, newest: int
) -> tuple[sparse.csr_matrix, Ints]:
    """Split the groups of each name and year between the two `AGE_KNOTS` around the age.

    Shapes (pairs of name and year, knots * groups), and (rows,) for the pair of each row.
    """
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
