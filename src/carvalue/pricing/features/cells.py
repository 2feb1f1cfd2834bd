"""Cells of listings: one interface to single listings and to frames, so that each has the same code path.

A function of some fields is evaluated through `Cells.evaluate`, once for each distinct combination of values.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import NAME_FIELDS, Listing, Value

Indices = npt.NDArray[np.int64]
Distinct = tuple[Indices, list[tuple[Value, ...]]]
"""For each row the index of its combination of cells, and the distinct combinations."""
Column = Sequence[float] | npt.NDArray[np.float64]
"""One number for each listing."""


class Cells(ABC):
    """The values of some listings.

    Attributes:
        height: Number of listings.
    """

    height: int

    @abstractmethod
    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """Find the distinct combinations of some fields.

        Args:
            fields: Fields to combine; one that the listings do not have is missing.

        Returns:
            Index of each listing's combination, shape (height,), and the combinations.
        """

    def evaluate(self, value: Callable[..., float], fields: tuple[str, ...]) -> Column:
        """Evaluate a function of some fields for each listing.

        Args:
            value: Function of the fields' values, in their order.
            fields: Fields that it reads.

        Returns:
            Results, shape (height,).
        """
        index, cells = self.distinct(fields)
        return np.fromiter((value(*row) for row in cells), dtype=np.float64, count=len(cells))[index]


class ListingCells(Cells):
    """Cells of a few listings, taken as they are: to look for repeated values would take longer.

    Args:
        listings: The listings.

    Attributes:
        listings: The listings.
    """

    def __init__(self, listings: Sequence[Listing]) -> None:
        self.height, self.listings = len(listings), listings
        self._rows = np.arange(self.height)

    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """List the values of each listing.

        Args:
            fields: Fields to combine.

        Returns:
            The index of each listing, and its values.
        """
        return self._rows, [tuple(map(item.get, fields)) for item in self.listings]

    def replaced(self, rows: Indices, values: Mapping[str, Value]) -> "ListingCells":
        """Select listings and replace some of their values.

        Args:
            rows: Indices of the listings to select.
            values: Field -> value that replaces each listing's own.

        Returns:
            The changed copies.
        """
        return ListingCells([{**self.listings[row], **values} for row in rows])

    def evaluate(self, value: Callable[..., float], fields: tuple[str, ...]) -> Sequence[float]:
        """Evaluate a function of some fields for each listing.

        Args:
            value: Function of the fields' values, in their order.
            fields: Fields that it reads.

        Returns:
            Results, `height` in number.
        """
        return [value(*map(item.get, fields)) for item in self.listings]


class FrameCells(Cells):
    """Cells of a frame.

    Args:
        frame: Listings with the schema's columns; an absent column counts as missing.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.height, self._frame = frame.height, frame
        self._cached: dict[tuple[str, ...], Distinct] = {}

    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """Find the distinct combinations of some fields.

        Args:
            fields: Fields to combine.

        Returns:
            Index of each row's combination, shape (height,), and the combinations.
        """
        parts = [self._distinct(group) for group in _groups(fields)]
        return parts[0] if len(parts) == 1 else _combined(parts)

    def replaced(self, rows: Indices, values: Mapping[str, Value]) -> "FrameCells":
        """Select rows and replace some of their values.

        Args:
            rows: Indices of the rows to select.
            values: Column -> value that replaces each row's own.

        Returns:
            The changed copies.
        """
        columns = (pl.lit(value).alias(name) for name, value in values.items())
        return FrameCells(self._frame[rows].with_columns(columns))

    def _distinct(self, fields: tuple[str, ...]) -> Distinct:
        if fields not in self._cached:
            self._cached[fields] = distinct_cells(self._frame, fields)
        return self._cached[fields]


class SelectedCells(Cells):
    """Cells of some rows of a frame, whose distinct values are found among those of all rows.

    Args:
        whole: Cells of all rows.
        rows: Indices of the rows.
    """

    def __init__(self, whole: FrameCells, rows: Indices) -> None:
        self.height, self._whole, self._rows = len(rows), whole, rows

    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """Find the distinct combinations of some fields.

        Args:
            fields: Fields to combine.

        Returns:
            Index of each selected row's combination, shape (height,), and the combinations that they have.
        """
        index, cells = self._whole.distinct(fields)
        position, used = used_codes(index[self._rows], codes=len(cells))
        return position, [cells[code] for code in used.tolist()]


def coded(keys: Iterable[str]) -> tuple[list[str], Indices]:
    """Number the distinct keys as they first appear.

    Args:
        keys: Keys.

    Returns:
        The distinct keys, and the number of each key, shape (keys,).

    Examples:
        >>> distinct, numbers = coded(["gas", "diesel", "gas"])
        >>> distinct, numbers.tolist()
        (['gas', 'diesel'], [0, 1, 0])
    """
    found: dict[str, int] = {}
    numbers = np.array([found.setdefault(key, len(found)) for key in keys], dtype=np.int64)
    return list(found), numbers


def used_codes(code: Indices, *, codes: int) -> tuple[Indices, Indices]:
    """Find the codes that occur, as `numpy.unique` does, without sorting.

    Args:
        code: Codes from 0 to `codes` - 1, shape (rows,).
        codes: Number of possible codes.

    Returns:
        Position of each row's code among the codes that occur, shape (rows,), and these codes in order.

    Examples:
        >>> position, used = used_codes(np.array([7, 2, 7]), codes=9)
        >>> position.tolist(), used.tolist()
        ([1, 0, 1], [2, 7])
    """
    occurs = np.zeros(codes, dtype=np.bool_)
    occurs[code] = True
    return np.cumsum(occurs)[code] - 1, np.flatnonzero(occurs)


def distinct_cells(frame: pl.DataFrame, fields: Sequence[str]) -> Distinct:
    """Find the distinct combinations of some fields.

    Args:
        frame: Listings; an absent column counts as missing.
        fields: Fields to combine.

    Returns:
        Index of each row's combination, shape (rows,), and the combinations as they first appear.

    Examples:
        >>> index, cells = distinct_cells(pl.DataFrame({"fuel": ["gas", "diesel", "gas"]}), ["fuel"])
        >>> index.tolist(), cells
        ([0, 1, 0], [('gas',), ('diesel',)])
    """
    missing = [pl.lit(None).alias(field) for field in fields if field not in frame.columns]
    cells = frame.with_columns(missing).select(fields)
    distinct = cells.unique(maintain_order=True)
    index = cells.join(
        distinct.with_row_index("_index"),
        on=list(fields),
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return index["_index"].to_numpy().astype(np.int64), distinct.rows()


def _groups(fields: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Take the fields one by one, but those of the name together."""
    starts_with_name = fields[: len(NAME_FIELDS)] == NAME_FIELDS
    others = fields[len(NAME_FIELDS) * starts_with_name :]
    return [NAME_FIELDS] * starts_with_name + [(field,) for field in others]


def _combined(parts: Sequence[Distinct]) -> Distinct:
    code = np.zeros(len(parts[0][0]), dtype=np.int64)
    for index, cells in parts:
        code = code * len(cells) + index
    _, first, combined = np.unique(code, return_index=True, return_inverse=True)
    columns = [[cells[i] for i in index[first].tolist()] for index, cells in parts]
    return combined, [tuple(chain(*row)) for row in zip(*columns, strict=True)]
