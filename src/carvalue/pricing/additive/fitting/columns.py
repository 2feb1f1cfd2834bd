"""Columns of the design matrix: one for each name group, category and knot that has enough rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import CATEGORY_FIELDS, EARLIEST_YEAR, NAME_FIELDS
from carvalue.pricing.additive.lookups import (
    AGE_KNOTS,
    ODOMETER_KNOTS,
    curve_keys,
    family_category_key,
    group_keys,
    level_keys,
)
from carvalue.pricing.features import IMPLAUSIBLE, CarName, NameReader, car_name, normalize_word

Floats = npt.NDArray[np.float64]

# rows; a group with fewer has no column of its own
MIN_LEVEL_ROWS, MIN_CURVE_ROWS, MIN_FAMILY_CATEGORY_ROWS = 4, 15, 12
# ridge penalties, in rows of weight 1; chosen on validation rows
UNSHRUNK_PENALTY, LEVEL_PENALTY, AGE_PENALTY, SLOPE_PENALTY = 0.5, 3.0, 10.0, 20.0
CATEGORY_PENALTY, OPEN_CATEGORY_PENALTY, FAMILY_CATEGORY_PENALTY = 2.0, 20.0, 10.0

FAMILY_CATEGORIES = tuple(field.name for field in CATEGORY_FIELDS if not field.is_open)
"""Fields with an effect for each model family: an open one, as the region, has too few cars of a family."""


@dataclass(frozen=True, kw_only=True)
class DesignColumns:
    """The columns in blocks, from left to right; a block has a common meaning and penalty.

    Attributes:
        keys: Name of a block -> name group, category or knot of each column.
        newest_year: Newest model year, counted from `EARLIEST_YEAR`.
        token_curves: Whether every token of a name has its own curves over age and miles.
        read: How names are read.
    """

    keys: Mapping[str, tuple[str, ...]]
    newest_year: int
    token_curves: bool = True
    read: NameReader = car_name

    @property
    def penalty(self) -> Floats:
        """Ridge penalty of each column, shape (columns,)."""
        return np.concatenate([np.full(len(keys), _penalty(block)) for block, keys in self.keys.items()])

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Name of a block -> its columns."""
        ends = np.cumsum([0, *map(len, self.keys.values())]).tolist()
        return {name: slice(*ends[number : number + 2]) for number, name in enumerate(self.keys)}

    @property
    def curve_groups(self) -> Callable[[CarName], Iterable[str]]:
        """Function that lists the groups of a name with curves over age and miles."""
        return curve_keys if self.token_curves else group_keys


@dataclass(frozen=True, kw_only=True)
class CellCounts:
    """How many rows have each name and each category.

    Attributes:
        names: Frame with `NAME_FIELDS` and `rows`.
        categories: Field -> frame with the field, under the name `cell`, and `rows`.
        named_categories: One of `FAMILY_CATEGORIES` -> frame with `NAME_FIELDS`, `cell` and `rows`.
        newest_year: Newest model year.
    """

    names: pl.DataFrame
    categories: Mapping[str, pl.DataFrame]
    named_categories: Mapping[str, pl.DataFrame]
    newest_year: int


def count_cells(rows: pl.LazyFrame) -> CellCounts:
    """Count names and categories.

    Args:
        rows: Clean listings with the schema's columns.

    Returns:
        The counts.
    """

    def count(*cells: pl.Expr) -> pl.DataFrame:
        return rows.group_by(cells).agg(rows=pl.len()).collect(engine="streaming")

    names = [pl.col(name) for name in NAME_FIELDS]
    newest = rows.select(pl.col("year").max()).collect(engine="streaming").item()
    return CellCounts(
        names=count(*names),
        categories={field.name: count(pl.col(field.name).alias("cell")) for field in CATEGORY_FIELDS},
        named_categories={name: count(*names, pl.col(name).alias("cell")) for name in FAMILY_CATEGORIES},
        newest_year=int(newest),
    )


def choose_columns(
    counts: CellCounts, *, token_curves: bool = True, read: NameReader = car_name
) -> DesignColumns:
    """Give each group that has enough rows a column.

    Args:
        counts: Rows of each name and category.
        token_curves: Whether every token of a name has its own curves over age and miles.
        read: How names are read.

    Returns:
        The columns; within a block they are sorted by key.
    """
    newest_year = max(counts.newest_year - EARLIEST_YEAR, 0)
    columns = DesignColumns(keys={}, newest_year=newest_year, token_curves=token_curves, read=read)
    names = [(read(*cells), rows) for *cells, rows in counts.names.iter_rows()]
    curves = _frequent_groups(names, columns.curve_groups, min_rows=MIN_CURVE_ROWS)
    keys = {
        "years": tuple(map(str, range(newest_year + 1))),
        "levels": _frequent_groups(names, level_keys, min_rows=MIN_LEVEL_ROWS),
        "ages": tuple(f"{knot} {key}" for knot in range(len(AGE_KNOTS)) for key in curves),
        "miles": (*map(str, ODOMETER_KNOTS), "missing"),
        "implausible": (IMPLAUSIBLE,),  # in addition to the effect of a missing odometer
        "slopes": curves,
    }
    keys |= {
        f"category {name}": tuple(sorted({normalize_word(cell) for cell in cells["cell"].to_list()}))
        for name, cells in counts.categories.items()
    }
    keys |= {
        f"family {name}": _frequent(
            (
                (family_category_key(group_keys(read(*cells))[1], normalize_word(cell)), rows)
                for *cells, cell, rows in pairs.iter_rows()
            ),
            min_rows=MIN_FAMILY_CATEGORY_ROWS,
        )
        for name, pairs in counts.named_categories.items()
    }
    return replace(columns, keys=keys)


def _penalty(block: str) -> float:
    kind, _, field = block.partition(" ")
    if kind == "category":
        is_open = field not in FAMILY_CATEGORIES
        return OPEN_CATEGORY_PENALTY if is_open else CATEGORY_PENALTY
    penalties = {
        "levels": LEVEL_PENALTY,
        "ages": AGE_PENALTY,
        "slopes": SLOPE_PENALTY,
        "family": FAMILY_CATEGORY_PENALTY,
    }
    return penalties.get(kind, UNSHRUNK_PENALTY)


def _frequent_groups(
    names: Sequence[tuple[CarName, int]], groups_of: Callable[[CarName], Iterable[str]], *, min_rows: int
) -> tuple[str, ...]:
    return _frequent(((group, rows) for name, rows in names for group in groups_of(name)), min_rows=min_rows)


def _frequent(rows: Iterable[tuple[str, int]], *, min_rows: int) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for key, number in rows:
        counts[key] += number
    return tuple(sorted(key for key, number in counts.items() if number >= min_rows))
