"""Listings to numbers: one encoder for a training frame and for a single listing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings.schema import Listing, Value
from carvalue.pricing.features import Feature

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoder:
    """The features in the order of the model's columns."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [feature.name for feature in self.features]

    def row(self, listing: Listing) -> Matrix:
        """Encode one listing, shape (1, features)."""
        row = np.empty((1, len(self.features)), dtype=np.float32)
        for position, feature in enumerate(self.features):
            row[0, position] = feature.value(*(listing.get(field) for field in feature.inputs))
        return row

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """Encode a frame, shape (rows, features); a column that the frame lacks counts as missing."""
        matrix = np.empty((frame.height, len(self.features)), dtype=np.float32, order="F")
        for position, feature in enumerate(self.features):
            matrix[:, position] = column(feature, frame)
        return np.ascontiguousarray(matrix)


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
