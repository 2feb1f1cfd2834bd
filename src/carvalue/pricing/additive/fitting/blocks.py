"""Blocks of columns of the design matrix, which store equal rows once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Integers = npt.NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class ColumnBlock:
    """Columns of the design matrix with a common meaning.

    Many listings have equal rows, for example all of one name.

    Attributes:
        table: Distinct rows, shape (distinct rows, columns).
        index: Number of the distinct row of each listing, shape (rows,).
        factor: Number that the distinct row of each listing is multiplied with, shape (rows,); None for 1.
    """

    table: sparse.csr_matrix
    index: Integers
    factor: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class DesignMatrix:
    """All blocks side by side, as the product of two matrices.

    Attributes:
        finder: The factor of each listing in each block, at its distinct row, shape (rows, distinct rows).
        table: Distinct rows of all blocks, block by block, shape (distinct rows, columns).
        year: Model year of each row, counted from the earliest one, shape (rows,).
    """

    finder: sparse.csr_matrix
    table: sparse.csr_matrix
    year: Ints

    @classmethod
    def join(cls, blocks: Sequence[ColumnBlock], *, year: Ints) -> "DesignMatrix":
        """Place blocks side by side.

        Args:
            blocks: The blocks from left to right, with the same listings.
            year: Model year of each row, counted from the earliest one, shape (rows,).

        Returns:
            The matrix.
        """
        tables = [block.table for block in blocks]
        height, width, entries = (
            np.cumsum([0, *sizes])
            for sizes in zip(*((*table.shape, table.nnz) for table in tables), strict=True)
        )
        index = [
            (block.index + start).astype(np.int32) for block, start in zip(blocks, height[:-1], strict=True)
        ]
        return cls(
            finder=find_rows(
                np.stack(index, axis=1),
                of=int(height[-1]),
                factors={
                    number: block.factor for number, block in enumerate(blocks) if block.factor is not None
                },
            ),
            table=sparse.csr_matrix(
                (
                    np.concatenate([table.data for table in tables]),
                    _joined([table.indices for table in tables], width),
                    np.append(_joined([table.indptr[:-1] for table in tables], entries), entries[-1]),
                ),
                shape=(height[-1], width[-1]),
            ),
            year=year,
        )

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
        """Multiply the transposed matrix with values of each row.

        Args:
            values: Values of each fit, shape (rows, fits).

        Returns:
            Products, shape (columns, fits).
        """
        products: Floats = self.table.T @ (self.finder.T @ values)
        return products

    def squared(self) -> "DesignMatrix":
        """Square each value.

        Returns:
            The matrix of squares.
        """
        return replace(self, finder=self.finder.power(2), table=self.table.power(2))


def find_rows(index: Integers, *, of: int, factors: dict[int, Floats]) -> sparse.csr_matrix:
    """Make the matrix that finds the distinct rows of each listing.

    Args:
        index: Number of the distinct row of each listing in each block, shape (rows, blocks).
        of: Number of distinct rows of all blocks.
        factors: Number of a block -> number that each listing's row is multiplied with, shape (rows,); others
            are 1.

    Returns:
        The matrix, shape (rows, distinct rows).
    """
    rows, blocks = index.shape
    values = np.ones((rows, blocks))
    for block, factor in factors.items():
        values[:, block] = factor
    starts = np.arange(0, index.size + 1, blocks, dtype=np.int32)
    return sparse.csr_matrix(
        (values.ravel(), index.ravel().astype(np.int32, copy=False), starts), shape=(rows, of), copy=False
    )


def _joined(arrays: Sequence[Integers], offsets: Integers) -> Integers:
    return np.concatenate([array + start for array, start in zip(arrays, offsets[:-1], strict=True)])
