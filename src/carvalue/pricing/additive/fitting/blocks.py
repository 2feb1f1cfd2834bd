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
    """Columns of the design matrix with a common meaning.

    Many listings have equal rows, for example all of one name. The block is the product of two matrices: one
    finds the distinct row of each listing, the other holds the distinct rows.

    Attributes:
        finder: One value for each listing, at its distinct row: 1, or the number that the distinct row is
            multiplied with; shape (rows, distinct rows).
        table: Distinct rows, shape (distinct rows, columns).
    """

    finder: sparse.csr_matrix
    table: sparse.csr_matrix

    def dot(self, coefficients: Floats) -> Floats:
        """Multiply the rows with coefficients.

        Args:
            coefficients: Coefficients of each fit, shape (columns, fits).

        Returns:
            Products, shape (rows, fits).
        """
        products: Floats = self.finder @ (self.table @ coefficients)
        return products

    def transposed_dot(self, values: Floats) -> Floats:
        """Multiply the transposed block with values of each row.

        Args:
            values: Values of each fit, shape (rows, fits).

        Returns:
            Products, shape (columns, fits).
        """
        products: Floats = self.table.T @ (self.finder.T @ values)
        return products

    def squared(self) -> "ColumnBlock":
        """Square each value.

        Returns:
            The block of squares.
        """
        return ColumnBlock(finder=self.finder.power(2), table=self.table.power(2))


@dataclass(frozen=True, kw_only=True)
class DesignMatrix:
    """All blocks side by side.

    Attributes:
        blocks: Name of a block -> its columns, from left to right.
        year: Model year of each row, counted from the earliest one, shape (rows,).
    """

    blocks: Mapping[str, ColumnBlock]
    year: Ints

    def dot(self, coefficients: Floats) -> Floats:
        """Multiply the rows with coefficients.

        Args:
            coefficients: Coefficients of each fit, shape (columns, fits).

        Returns:
            Products, shape (rows, fits).
        """
        products = np.zeros((len(self.year), coefficients.shape[1]))
        ends = np.cumsum([block.table.shape[1] for block in self.blocks.values()])
        for block, some in zip(self.blocks.values(), np.split(coefficients, ends[:-1]), strict=True):
            products += block.dot(some)
        return products

    def transposed_dot(self, values: Floats) -> Floats:
        """Multiply the transposed matrix with values of each row.

        Args:
            values: Values of each fit, shape (rows, fits).

        Returns:
            Products, shape (columns, fits).
        """
        return np.concatenate([block.transposed_dot(values) for block in self.blocks.values()])

    def squared(self) -> "DesignMatrix":
        """Square each value.

        Returns:
            The matrix of squares.
        """
        return replace(self, blocks={name: block.squared() for name, block in self.blocks.items()})


class Finders:
    """Makes the finders of blocks, which share all arrays that are equal.

    Args:
        rows: Number of rows.
    """

    def __init__(self, rows: int) -> None:
        self._ones, self._starts = np.ones(rows), np.arange(rows + 1, dtype=np.int32)

    def find(
        self, index: npt.NDArray[np.integer], *, of: int, factor: Floats | None = None
    ) -> sparse.csr_matrix:
        """Make a matrix that finds the distinct row of each listing.

        Args:
            index: Number of the distinct row of each listing, shape (rows,).
            of: Number of distinct rows.
            factor: Number that the distinct row is multiplied with, shape (rows,); None for 1.

        Returns:
            The matrix, shape (rows, distinct rows).
        """
        values = self._ones if factor is None else factor
        shape = (len(self._ones), of)
        return sparse.csr_matrix((values, index.astype(np.int32), self._starts), shape=shape, copy=False)
