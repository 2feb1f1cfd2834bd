"""Listings to numbers: one encoder for a training frame and for a single listing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import nan

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import Listing, Value
from carvalue.pricing.features.columns import NAME_FIELDS, ModelFeature, SumFeature
from carvalue.pricing.features.weak_cache import weak_lru_cache

Matrix = npt.NDArray[np.float32]
Distinct = tuple[npt.NDArray[np.int64], list[tuple[Value, ...]]]
"""For each row the place of its combination of cells, and the combinations."""

ADDITIVE = "additive"
CACHED_NAMES = 16_384
MONOTONE = {"year": 1, "odometer": -1, "name_year": 1, "name_miles": 1, ADDITIVE: 1}


@dataclass(frozen=True)
class FeatureEncoder:
    """The features in the order of the model's columns; the last column is the sum of some of them."""

    features: tuple[ModelFeature, ...]
    summed: tuple[str, ...] = ()
    """The features whose sum is the last column, `additive`: the log price that the trees start from."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return (*(feature.name for feature in self.features), *(ADDITIVE,) * bool(self.summed))

    @property
    def monotone(self) -> tuple[int, ...]:
        """For each column: 1 where more of it must never lower the price, -1 where never raise it, else 0."""
        return tuple(MONOTONE.get(name, 0) for name in self.names)

    def row(self, listing: Listing) -> Matrix:
        """Encode one listing, shape (1, features)."""
        return self.rows((listing,))

    def rows(self, listings: Sequence[Listing]) -> Matrix:
        """Encode listings one by one, shape (listings, features)."""
        matrix = np.empty((len(listings), len(self.names)), dtype=np.float32)
        matrix[:, : len(self.features)] = [self._values(listing.get) for listing in listings]
        self.add_up(matrix)
        return matrix

    def _values(self, cell: Callable[[str], Value]) -> list[float]:
        values = list(self._of_name(cell("manufacturer"), cell("model")))
        for place, inputs, value in self._of_more:
            values[place] = value(*map(cell, inputs))
        return values

    @cached_property
    def _of_name(self) -> Callable[[Value, Value], tuple[float, ...]]:
        """What depends on the name alone, in its places, remembered: names come again and again."""
        return weak_lru_cache(self._name_values, size=CACHED_NAMES)

    def _name_values(self, manufacturer: Value, model: Value) -> tuple[float, ...]:
        more = {place for place, _, _ in self._of_more}
        return tuple(
            nan if place in more else feature.value(manufacturer, model)
            for place, feature in enumerate(self.features)
        )

    @cached_property
    def _of_more(self) -> tuple[tuple[int, tuple[str, ...], Callable[..., float]], ...]:
        """Place, fields and function of what depends on more than the name."""
        found = enumerate(self.features)
        return tuple((place, item.inputs, item.value) for place, item in found if item.inputs != NAME_FIELDS)

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """Encode a frame, shape (rows, features); a column that the frame lacks counts as missing."""
        cells, matrix = (
            DistinctCells(frame),
            np.empty((frame.height, len(self.names)), dtype=np.float32, order="F"),
        )
        place, names = cells.distinct(NAME_FIELDS)
        of_name = np.array([self._of_name(*name) for name in names], dtype=np.float32)
        of_name = of_name.reshape(len(names), len(self.features))
        matrix[:, : len(self.features)] = of_name[place]
        for position, _, _ in self._of_more:
            matrix[:, position] = cells.column(self.features[position])
        self.add_up(matrix)
        return np.ascontiguousarray(matrix)

    def add_up(self, matrix: Matrix) -> None:
        """Fill the last column: always in the same order, so that a row and a frame get the same bits."""
        if not self.summed:
            return
        first, *others = map(self.names.index, self.summed)
        total = matrix[:, first]
        for place in others:
            total = total + matrix[:, place]
        matrix[:, -1] = total


class DistinctCells:
    """A frame's cells: what is equal is looked at once, names above all."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._known: dict[tuple[str, ...], Distinct] = {}

    def column(self, feature: ModelFeature) -> npt.NDArray[np.float64]:
        """Encode one feature, or add up its terms in their order as a single listing does."""
        if not isinstance(feature, SumFeature):
            return self._values(feature)
        total = np.zeros(self._frame.height)
        for term in feature.terms:
            total = total + self._values(term)
        return total

    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """Give the distinct combinations of these fields, and for each row the place of its combination."""
        named = fields[: len(NAME_FIELDS)] == NAME_FIELDS
        parts = [NAME_FIELDS] * named + [(field,) for field in fields[len(NAME_FIELDS) * named :]]
        found = [self._distinct(part) for part in parts]
        return found[0] if len(found) == 1 else _combined(found)

    def _values(self, feature: ModelFeature) -> npt.NDArray[np.float64]:
        place, cells = self.distinct(feature.inputs)
        return np.fromiter((feature.value(*row) for row in cells), dtype=np.float64, count=len(cells))[place]

    def _distinct(self, fields: tuple[str, ...]) -> Distinct:
        if fields not in self._known:
            self._known[fields] = distinct_cells(self._frame, fields)
        return self._known[fields]


def _combined(parts: Sequence[Distinct]) -> Distinct:
    code = np.zeros(len(parts[0][0]), dtype=np.int64)
    for place, cells in parts:
        code = code * len(cells) + place
    _, first, places = np.unique(code, return_index=True, return_inverse=True)
    columns = [[cells[i] for i in place[first].tolist()] for place, cells in parts]
    return places, [tuple(chain(*row)) for row in zip(*columns, strict=True)]


def distinct_cells(frame: pl.DataFrame, fields: Sequence[str]) -> Distinct:
    """Give the distinct combinations of these fields, and for each row the place of its combination."""
    missing = [pl.lit(None).alias(field) for field in fields if field not in frame.columns]
    cells = frame.with_columns(missing).select(fields)
    distinct = cells.unique(maintain_order=True)
    places = cells.join(
        distinct.with_row_index("_place"),
        on=list(fields),
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return places["_place"].to_numpy().astype(np.int64), distinct.rows()
