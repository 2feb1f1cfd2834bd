"""The feature encoder: listings to a numeric matrix, the same for a training frame and a single listing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import nan

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import NAME_FIELDS, NUMBER_FIELDS, Listing, Value
from carvalue.pricing.features.cells import Cells, FrameCells, ListingCells
from carvalue.pricing.features.columns import CategoryCode, ColumnFeature, ModelFeature
from carvalue.pricing.features.odometer import IMPLAUSIBLE
from carvalue.pricing.features.weak_cache import weak_lru_cache

Matrix = npt.NDArray[np.float32]
"""Encoded rows, shape (rows, features), dtype float32; NaN is a missing value."""

ADDITIVE = "additive"
"""Name of the last column, the sum of the additive model."""
CACHED_NAMES, CACHED_CATEGORIES = 4_096, 1_024
MONOTONE = {field.name: field.monotone for field in NUMBER_FIELDS} | {
    "name_year": 1,
    "name_miles": 1,
    ADDITIVE: 1,
}
"""Column -> monotone constraint: the schema's for a number field, increasing for an effect on the price."""


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

    @cached_property
    def columns(self) -> Mapping[str, int]:
        """Name -> index of each column."""
        return {name: column for column, name in enumerate(self.names)}

    @cached_property
    def flags_odometers(self) -> bool:
        """Whether implausible odometers are replaced by a flag; otherwise they are read as typed."""
        return IMPLAUSIBLE in self.names

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
        return self.encode(ListingCells((listing,)))

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """Encode a frame.

        Args:
            frame: Listings with the schema's columns; an absent column counts as missing.

        Returns:
            Encoded rows, shape (rows, features).
        """
        return self.encode(FrameCells(frame))

    def encode(self, cells: Cells) -> Matrix:
        """Encode listings; the same values bit for bit, whatever the kind of cells.

        Args:
            cells: Cells of the listings.

        Returns:
            Encoded rows, shape (listings, features), in the given order.
        """
        matrix = np.empty((cells.height, len(self.names)), dtype=np.float32)
        if isinstance(cells, ListingCells):  # to collect columns would double the time of one listing
            matrix[:, : len(self.features)] = [self._values(listing.get) for listing in cells.listings]
        else:
            self._fill_columns(matrix, cells)
        self.fill_additive(matrix)
        return matrix

    def fill_additive(self, matrix: Matrix) -> None:
        """Write the sum of the `summed` columns into the last column, in place.

        The order of summation is fixed, so that a row and a frame have the same bits.

        Args:
            matrix: Encoded rows, shape (rows, features); unchanged where the encoder sums nothing.
        """
        if not self.summed:
            return
        first, *others = self._summed_columns
        total = matrix[:, first]
        for column in others:
            total = total + matrix[:, column]
        matrix[:, -1] = total

    def _fill_columns(self, matrix: Matrix, cells: Cells) -> None:
        index, names = cells.distinct(NAME_FIELDS)
        by_name = np.array([self._name_columns(*name) for name in names], dtype=np.float32)
        matrix[:, : len(self.features)] = by_name.reshape(len(names), len(self.features))[index]
        for number, feature in enumerate(self.features):
            if isinstance(feature, ColumnFeature):
                matrix[:, number] = feature.column(cells)
            elif feature.inputs != NAME_FIELDS:
                matrix[:, number] = cells.evaluate(feature.value, feature.inputs)

    def _values(self, cell: Callable[[str], Value]) -> list[float]:
        values = list(self._name_columns(cell("manufacturer"), cell("model")))
        for column, field, value in self._field_columns:
            values[column] = value(cell(field))
        for column, inputs, value in self._mixed_columns:
            values[column] = value(*map(cell, inputs))
        return values

    @cached_property
    def _summed_columns(self) -> tuple[int, ...]:
        return tuple(map(self.names.index, self.summed))

    @cached_property
    def _name_columns(self) -> Callable[[Value, Value], tuple[float, ...]]:
        """Features that depend on the name alone, NaN in the other columns; cached because names repeat."""
        return weak_lru_cache(self._name_values, size=CACHED_NAMES)

    def _name_values(self, manufacturer: Value, model: Value) -> tuple[float, ...]:
        return tuple(
            feature.value(manufacturer, model) if feature.inputs == NAME_FIELDS else nan
            for feature in self.features
        )

    @cached_property
    def _field_columns(self) -> tuple[tuple[int, str, Callable[[Value], float]], ...]:
        """The features of one field; codes are cached by the field's value, because categories repeat."""
        return tuple(
            (
                column,
                item.inputs[0],
                weak_lru_cache(item.value, size=CACHED_CATEGORIES)
                if isinstance(item, CategoryCode)
                else item.value,
            )
            for column, item in enumerate(self.features)
            if len(item.inputs) == 1
        )

    @cached_property
    def _mixed_columns(self) -> tuple[tuple[int, tuple[str, ...], Callable[..., float]], ...]:
        """The features of several fields, of which not all hold the name."""
        return tuple(
            (column, item.inputs, item.value)
            for column, item in enumerate(self.features)
            if len(item.inputs) > 1 and item.inputs != NAME_FIELDS
        )
