"""The feature encoder: listings to a numeric matrix, the same for a training frame and a single listing."""

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
"""Encoded rows, shape (rows, features), dtype float32; NaN is a missing value."""
Distinct = tuple[npt.NDArray[np.int64], list[tuple[Value, ...]]]
"""For each row the index of its combination of cells, and the distinct combinations."""

ADDITIVE = "additive"
"""Name of the last column, the sum of the additive model."""
CACHED_NAMES = 16_384
MONOTONE = {"year": 1, "odometer": -1, "name_year": 1, "name_miles": 1, ADDITIVE: 1}


@dataclass(frozen=True)
class FeatureEncoder:
    """The features, in the order of the matrix columns.

    Examples:
        >>> from carvalue.pricing.features import EngineLitres, NumberFeature
        >>> encoder = FeatureEncoder((NumberFeature("year"), NumberFeature("odometer"), EngineLitres()))
        >>> encoder.names
        ('year', 'odometer', 'litres')
        >>> encoder.row({"manufacturer": "bmw", "model": "z3 2.8", "year": 1999}).tolist()
        [[1999.0, nan, 2.799999952316284]]
    """

    features: tuple[ModelFeature, ...]
    """Features of the model, one column each."""
    summed: tuple[str, ...] = ()
    """Features whose sum is the last column, `additive`: the log price that the trees start from."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (*(feature.name for feature in self.features), *(ADDITIVE,) * bool(self.summed))

    @property
    def monotone(self) -> tuple[int, ...]:
        """Monotone constraint of each column: 1 increasing, -1 decreasing, 0 none."""
        return tuple(MONOTONE.get(name, 0) for name in self.names)

    def row(self, listing: Listing) -> Matrix:
        """Encode one listing.

        Args:
            listing: Field name -> value; an absent field counts as missing.

        Returns:
            Encoded row, shape (1, features).
        """
        return self.rows((listing,))

    def rows(self, listings: Sequence[Listing]) -> Matrix:
        """Encode listings one by one; faster than `matrix` for few listings.

        Args:
            listings: Listings to encode.

        Returns:
            Encoded rows, shape (listings, features), in the given order.
        """
        matrix = np.empty((len(listings), len(self.names)), dtype=np.float32)
        matrix[:, : len(self.features)] = [self._values(listing.get) for listing in listings]
        self.fill_additive(matrix)
        return matrix

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """Encode a frame; bit for bit the same values as `rows`.

        Args:
            frame: Listings with the schema's columns; an absent column counts as missing.

        Returns:
            Encoded rows, shape (rows, features).
        """
        cells = DistinctCells(frame)
        matrix = np.empty((frame.height, len(self.names)), dtype=np.float32, order="F")
        index, names = cells.distinct(NAME_FIELDS)
        by_name = np.array([self._name_columns(*name) for name in names], dtype=np.float32)
        by_name = by_name.reshape(len(names), len(self.features))
        matrix[:, : len(self.features)] = by_name[index]
        for column, _, _ in self._other_columns:
            matrix[:, column] = cells.column(self.features[column])
        self.fill_additive(matrix)
        return np.ascontiguousarray(matrix)

    def fill_additive(self, matrix: Matrix) -> None:
        """Write the sum of the `summed` columns into the last column, in place.

        The order of summation is fixed, so that a row and a frame have the same bits.

        Args:
            matrix: Encoded rows, shape (rows, features); unchanged where the encoder sums nothing.
        """
        if not self.summed:
            return
        first, *others = map(self.names.index, self.summed)
        total = matrix[:, first]
        for column in others:
            total = total + matrix[:, column]
        matrix[:, -1] = total

    def _values(self, cell: Callable[[str], Value]) -> list[float]:
        values = list(self._name_columns(cell("manufacturer"), cell("model")))
        for column, inputs, value in self._other_columns:
            values[column] = value(*map(cell, inputs))
        return values

    @cached_property
    def _name_columns(self) -> Callable[[Value, Value], tuple[float, ...]]:
        """Features that depend on the name alone, NaN in the other columns; cached because names repeat."""
        return weak_lru_cache(self._name_values, size=CACHED_NAMES)

    def _name_values(self, manufacturer: Value, model: Value) -> tuple[float, ...]:
        others = {column for column, _, _ in self._other_columns}
        return tuple(
            nan if column in others else feature.value(manufacturer, model)
            for column, feature in enumerate(self.features)
        )

    @cached_property
    def _other_columns(self) -> tuple[tuple[int, tuple[str, ...], Callable[..., float]], ...]:
        """Column, input fields and function of each feature that depends on more than the name."""
        return tuple(
            (column, feature.inputs, feature.value)
            for column, feature in enumerate(self.features)
            if feature.inputs != NAME_FIELDS
        )


class DistinctCells:
    """The cells of a frame, grouped so that equal combinations are encoded once.

    Args:
        frame: Listings; an absent column counts as missing.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._cached: dict[tuple[str, ...], Distinct] = {}

    def column(self, feature: ModelFeature) -> npt.NDArray[np.float64]:
        """Encode one feature for all rows; the terms of a sum are added in the order of a single listing.

        Args:
            feature: Feature to encode.

        Returns:
            Values of the feature, shape (rows,).
        """
        if not isinstance(feature, SumFeature):
            return self._values(feature)
        total = np.zeros(self._frame.height)
        for term in feature.terms:
            total = total + self._values(term)
        return total

    def distinct(self, fields: tuple[str, ...]) -> Distinct:
        """Find the distinct combinations of some fields.

        Args:
            fields: Fields to combine.

        Returns:
            Index of each row's combination, shape (rows,), and the combinations.
        """
        starts_with_name = fields[: len(NAME_FIELDS)] == NAME_FIELDS
        others = fields[len(NAME_FIELDS) * starts_with_name :]
        groups = [NAME_FIELDS] * starts_with_name + [(field,) for field in others]
        parts = [self._distinct(group) for group in groups]
        return parts[0] if len(parts) == 1 else _combined(parts)

    def _values(self, feature: ModelFeature) -> npt.NDArray[np.float64]:
        index, cells = self.distinct(feature.inputs)
        return np.fromiter((feature.value(*row) for row in cells), dtype=np.float64, count=len(cells))[index]

    def _distinct(self, fields: tuple[str, ...]) -> Distinct:
        if fields not in self._cached:
            self._cached[fields] = distinct_cells(self._frame, fields)
        return self._cached[fields]


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


def _combined(parts: Sequence[Distinct]) -> Distinct:
    code = np.zeros(len(parts[0][0]), dtype=np.int64)
    for index, cells in parts:
        code = code * len(cells) + index
    _, first, combined = np.unique(code, return_index=True, return_inverse=True)
    columns = [[cells[i] for i in index[first].tolist()] for index, cells in parts]
    return combined, [tuple(chain(*row)) for row in zip(*columns, strict=True)]
