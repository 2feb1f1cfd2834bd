"""Listings to numbers: one encoder for a training frame and for a single listing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings.schema import Listing, Value
from carvalue.pricing.features import Feature

Matrix = npt.NDArray[np.float32]

ADDITIVE = "additive"
MONOTONE = {"year": 1, "odometer": -1, "name_year": 1, "name_miles": 1, ADDITIVE: 1}


@dataclass(frozen=True)
class Encoder:
    """The features in the order of the model's columns; the last column is the sum of some of them."""

    features: tuple[Feature, ...]
    summed: tuple[str, ...] = ()
    """The features whose sum is the last column, `additive`: the log price that the trees start from."""

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [feature.name for feature in self.features] + [ADDITIVE] * bool(self.summed)

    @property
    def monotone(self) -> tuple[int, ...]:
        """For each column: 1 where more of it must never lower the price, -1 where never raise it, else 0."""
        return tuple(MONOTONE.get(name, 0) for name in self.names)

    def row(self, listing: Listing) -> Matrix:
        """Encode one listing, shape (1, features)."""
        row = np.empty((1, len(self.names)), dtype=np.float32)
        for position, feature in enumerate(self.features):
            row[0, position] = feature.value(*(listing.get(field) for field in feature.inputs))
        self.add_up(row)
        return row

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """Encode a frame, shape (rows, features); a column that the frame lacks counts as missing."""
        matrix = np.empty((frame.height, len(self.names)), dtype=np.float32, order="F")
        for position, feature in enumerate(self.features):
            matrix[:, position] = column(feature, frame)
        self.add_up(matrix)
        return np.ascontiguousarray(matrix)

    def add_up(self, matrix: Matrix) -> None:
        """Fill the last column: always in the same order, so that a row and a frame get the same bits."""
        if not self.summed:
            return
        names = self.names
        total = matrix[:, names.index(self.summed[0])]
        for name in self.summed[1:]:
            total = total + matrix[:, names.index(name)]
        matrix[:, -1] = total


def column(feature: Feature, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Encode one feature of a frame: once for each distinct combination of its cells."""
    place, cells = distinct_cells(frame, feature.inputs)
    values = np.fromiter((feature.value(*row) for row in cells), dtype=np.float64, count=len(cells))
    return values[place]


def distinct_cells(
    frame: pl.DataFrame, fields: Sequence[str]
) -> tuple[npt.NDArray[np.int64], list[tuple[Value, ...]]]:
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
