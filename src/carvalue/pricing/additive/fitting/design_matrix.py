"""The additive model's design: one sparse column for each name group, word and knot, one row a listing."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from carvalue.listings import EARLIEST_YEAR
from carvalue.pricing.additive.isotonic import interpolate, locate
from carvalue.pricing.additive.lookups import (
    AGES,
    CATEGORY_FIELDS,
    FAMILY_CATEGORY_FIELDS,
    MILES,
    SLOPE,
    curve_keys,
    family_category_key,
    group_keys,
    level_keys,
)
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    NAME_FIELDS,
    CarName,
    car_name,
    distinct_cells,
    normalize_word,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_LEVEL, FEWEST_CURVE, FEWEST_PAIR = 4, 15, 12  # rows; a rarer group gets no column of its own
# ridge penalties, in rows of the usual spread; chosen on validation rows
YEAR, LEVEL, AGE, MILE_SLOPE, WORD, REGION, FAMILY_WORD = 0.5, 3.0, 10.0, 20.0, 2.0, 20.0, 10.0


@dataclass(frozen=True, kw_only=True)
class ColumnBlock:
    """Some columns of the design: sparse values, their keys in order, one penalty."""

    values: sparse.csr_matrix
    keys: tuple[str, ...]
    penalty: float


@dataclass(frozen=True, kw_only=True)
class DesignMatrix:
    """All columns side by side."""

    matrix: sparse.csr_matrix
    penalty: Floats
    columns: Mapping[str, slice]
    keys: Mapping[str, tuple[str, ...]]
    year: Ints
    """Row's place among the model years."""


def build_design(frame: pl.DataFrame) -> DesignMatrix:
    """Build the design of these rows; groups are those that these rows know."""
    year = np.clip(frame["year"].to_numpy().astype(np.int64) - EARLIEST_YEAR, 0, None)
    blocks = {"years": _one_hot(year, keys=tuple(map(str, range(int(year.max()) + 1))), penalty=YEAR)}
    blocks |= _name_blocks(frame, year=year) | _word_blocks(frame)
    ends = np.cumsum([0, *(block.values.shape[1] for block in blocks.values())])
    columns = {name: slice(int(ends[i]), int(ends[i + 1])) for i, name in enumerate(blocks)}
    return DesignMatrix(
        matrix=sparse.hstack([block.values for block in blocks.values()]).tocsr(),
        penalty=np.concatenate([np.full(len(block.keys), block.penalty) for block in blocks.values()]),
        columns=columns,
        keys={name: block.keys for name, block in blocks.items()},
        year=year,
    )


def _name_blocks(frame: pl.DataFrame, *, year: Ints) -> dict[str, ColumnBlock]:
    where, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    rows = np.bincount(where, minlength=len(names))
    levels, level_names = _membership(names, rows, keys_of=level_keys, fewest=FEWEST_LEVEL)
    curves, curve_names = _membership(names, rows, keys_of=curve_keys, fewest=FEWEST_CURVE)
    member = curves[where]
    ages, miles, slope = _ages(year), *_miles(frame)
    age_values = sparse.hstack([sparse.diags(ages[:, i]) @ member for i in range(len(AGES))]).tocsr()
    age_names = tuple(f"{i} {key}" for i in range(len(AGES)) for key in curve_names)
    slopes = (sparse.diags(slope) @ member).tocsr()
    mile_names = (*map(str, MILES), "unknown")
    return {
        "levels": ColumnBlock(values=levels[where], keys=level_names, penalty=LEVEL),
        "ages": ColumnBlock(values=age_values, keys=age_names, penalty=AGE),
        "miles": ColumnBlock(values=sparse.csr_matrix(miles), keys=mile_names, penalty=YEAR),
        "doubted": _doubted(frame),
        "slopes": ColumnBlock(values=slopes, keys=curve_names, penalty=MILE_SLOPE),
    }


def _word_blocks(frame: pl.DataFrame) -> dict[str, ColumnBlock]:
    blocks = {}
    for field in CATEGORY_FIELDS:
        codes, words = _coded(frame, (field,), lambda *cells: normalize_word(cells[0]), fewest=1)
        blocks[f"word {field}"] = _one_hot(codes, keys=words, penalty=REGION if field == "region" else WORD)
    for field in FAMILY_CATEGORY_FIELDS:
        codes, words = _coded(
            frame,
            (*NAME_FIELDS, field),
            lambda *cells: family_category_key(group_keys(car_name(*cells[:2]))[1], normalize_word(cells[2])),
            fewest=FEWEST_PAIR,
        )
        blocks[f"family {field}"] = _one_hot(codes, keys=words, penalty=FAMILY_WORD)
    return blocks


def _membership(
    names: Sequence[CarName], rows: Ints, *, keys_of: Callable[[CarName], Iterable[str]], fewest: int
) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    keys = [tuple(keys_of(name)) for name in names]
    counts: Counter[str] = Counter()
    for groups, times in zip(keys, rows.tolist(), strict=True):
        for group in groups:
            counts[group] += times
    known = tuple(sorted(group for group, times in counts.items() if times >= fewest))
    place_of = {group: i for i, group in enumerate(known)}
    members = [[place_of[group] for group in groups if group in place_of] for groups in keys]
    starts = np.cumsum([0, *map(len, members)])
    flat = np.fromiter((i for row in members for i in row), dtype=np.int32, count=int(starts[-1]))
    return sparse.csr_matrix((np.ones(len(flat)), flat, starts), shape=(len(names), len(known))), known


def _coded(
    frame: pl.DataFrame, fields: tuple[str, ...], word_of: Callable[..., str], *, fewest: int
) -> tuple[Ints, tuple[str, ...]]:
    where, cells = distinct_cells(frame, fields)
    words = [word_of(*row) for row in cells]
    counts: Counter[str] = Counter()
    for word, times in zip(words, np.bincount(where, minlength=len(words)).tolist(), strict=True):
        counts[word] += times
    known = tuple(sorted(word for word, times in counts.items() if times >= fewest))
    code = {word: i for i, word in enumerate(known)}
    return np.array([code.get(word, -1) for word in words], dtype=np.int64)[where], known


def _doubted(frame: pl.DataFrame) -> ColumnBlock:
    """Mark odometers that are not believed: what they are worth beyond an unknown one."""
    where, cells = distinct_cells(frame, (IMPLAUSIBLE,))
    doubted = np.array([float(bool(cell)) for (cell,) in cells])[where]
    return ColumnBlock(values=sparse.csr_matrix(doubted[:, None]), keys=(IMPLAUSIBLE,), penalty=YEAR)


def _one_hot(codes: Ints, *, keys: tuple[str, ...], penalty: float) -> ColumnBlock:
    rows = np.flatnonzero(codes >= 0)
    values = sparse.csr_matrix((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), len(keys)))
    return ColumnBlock(values=values, keys=keys, penalty=penalty)


def _ages(year: Ints) -> Floats:
    """Share each row between the two knots of `AGES` around its age, shape (rows, knots)."""
    newest = int(year.max())
    table = np.zeros((newest + 1, len(AGES)))
    for number in range(newest + 1):
        segment, share = locate(AGES, float(newest - number))
        table[number, segment], table[number, segment + 1] = 1 - share, share
    return table[year]


def _miles(frame: pl.DataFrame) -> tuple[Floats, Floats]:
    """Share each row between the two knots of `MILES` around it, the last column: unknown; and its slope."""
    where, cells = distinct_cells(frame, ("odometer",))
    shares, slope = np.zeros((len(cells), len(MILES) + 1)), np.zeros(len(cells))
    for number, (miles,) in enumerate(cells):
        if miles is None or miles != miles:
            shares[number, -1] = 1
            continue
        segment, share = locate(MILES, float(miles))
        shares[number, segment], shares[number, segment + 1] = 1 - share, share
        slope[number] = interpolate(SLOPE, segment, share)
    return shares[where], slope[where]
