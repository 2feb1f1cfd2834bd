"""Blocks of columns of the design matrix, which store equal rows once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ColumnBlock:
    """Columns of the design matrix with a common meaning and penalty.

    Many listings have equal rows, for example all of one name. The block stores each distinct row once.
    """

    table: sparse.csr_matrix
    """Distinct rows, shape (distinct rows, columns)."""
    index: Ints
    """Row of the table for each listing, shape (rows,)."""
    factor: Floats | None = None
    """Number that a listing's row is multiplied with, shape (rows,); None for 1."""
    keys: tuple[str, ...]
    """Name group, category or knot of each column."""
    penalty: float
    """Ridge penalty of each column."""

    def dot(self, coefficients: Floats) -> Floats:
        """Multiply the rows with coefficients.

        Args:
            coefficients: One for each column, shape (columns,).

        Returns:
            Products, shape (rows,).
        """
        products: Floats = (self.table @ coefficients)[self.index]
        return products if self.factor is None else products * self.factor

    def transposed_dot(self, values: Floats) -> Floats:
        """Multiply the transposed block with a value for each row.

        Args:
            values: One for each row, shape (rows,).

        Returns:
            Products, shape (columns,).
        """
        weights = values if self.factor is None else values * self.factor
        sums = np.bincount(self.index, weights, minlength=self.table.shape[0])
        products: Floats = self.table.T @ sums
        return products

    def squared(self) -> "ColumnBlock":
        """Square each value.

        Returns:
            The block of squares.
        """
        factor = None if self.factor is None else self.factor**2
        return replace(self, table=self.table.power(2), factor=factor)

    def select(self, rows: Ints) -> "ColumnBlock":
        """Select rows.

        Args:
            rows: Indices of the rows, shape (selected rows,).

        Returns:
            The block with these rows and the same columns.
        """
        factor = None if self.factor is None else self.factor[rows]
        return replace(self, index=self.index[rows], factor=factor)


@dataclass(frozen=True, kw_only=True)
class DesignMatrix:
    """All blocks side by side."""

    blocks: Mapping[str, ColumnBlock]
    """Name of a block -> its columns, from left to right."""
    year: Ints
    """Model year of each row, counted from the earliest one, shape (rows,)."""

    @property
    def penalty(self) -> Floats:
        """Ridge penalty of each column, shape (columns,)."""
        return np.concatenate([np.full(len(block.keys), block.penalty) for block in self.blocks.values()])

    @property
    def columns(self) -> Mapping[str, slice]:
        """Name of a block -> its columns."""
        ends = np.cumsum([0, *(len(block.keys) for block in self.blocks.values())]).tolist()
        return {name: slice(*ends[number : number + 2]) for number, name in enumerate(self.blocks)}

    def dot(self, coefficients: Floats) -> Floats:
        """Multiply the rows with coefficients.

        Args:
            coefficients: One for each column, shape (columns,).

        Returns:
            Products, shape (rows,).
        """
        products = np.zeros(len(self.year))
        for block, columns in zip(self.blocks.values(), self.columns.values(), strict=True):
            products += block.dot(coefficients[columns])
        return products

    def transposed_dot(self, values: Floats) -> Floats:
        """Multiply the transposed matrix with a value for each row.

        Args:
            values: One for each row, shape (rows,).

        Returns:
            Products, shape (columns,).
        """
        return np.concatenate([block.transposed_dot(values) for block in self.blocks.values()])

    def squared(self) -> "DesignMatrix":
        """Square each value.

        Returns:
            The matrix of squares.
        """
        return replace(self, blocks={name: block.squared() for name, block in self.blocks.items()})

    def select(self, rows: Ints) -> "DesignMatrix":
        """Select rows.

        Args:
            rows: Indices of the rows, shape (selected rows,).

        Returns:
            The matrix with these rows and the same columns.
        """
        blocks = {name: block.select(rows) for name, block in self.blocks.items()}
        return DesignMatrix(blocks=blocks, year=self.year[rows])
