"""Training rows in parts: sums over all rows are sums over the parts, in memory or in files of a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path
from uuid import uuid4

import numpy as np
from scipy import sparse

from carvalue.parallel import IN_PROCESS, Workers, group_parts, written_part
from carvalue.pricing.additive.fitting.blocks import DesignMatrix, Floats, find_rows


@dataclass(frozen=True, kw_only=True)
class FitRows:
    """Rows that several fits use, each with weights of its own.

    Attributes:
        design: Design matrix of the rows.
        target: Log prices, shape (rows,).
        row_weights: Weight of each row in each fit, 0 where the fit does not use the row; shape (rows, fits).
        weights: The same after the last reweighting, shape (rows, fits).
    """

    design: DesignMatrix
    target: Floats
    row_weights: Floats
    weights: Floats

    def read(self) -> "FitRows":
        """Return the rows themselves.

        Returns:
            The rows.
        """
        return self

    def with_weights(self, weights: Floats) -> "FitRows":
        """Replace `weights`.

        Args:
            weights: Shape (rows, fits).

        Returns:
            The rows with these weights.
        """
        return replace(self, weights=weights)


@dataclass(frozen=True, kw_only=True)
class StoredRows:
    """Rows in files, which each task reads again.

    Attributes:
        rows: File of the rows with their first weights.
        weights: File of the last weights; None while they are the first ones.
    """

    rows: Path
    weights: Path | None = None

    def read(self) -> FitRows:
        """Read the rows.

        Returns:
            The rows.
        """
        rows = _read_part(self.rows)
        return rows if self.weights is None else rows.with_weights(np.load(self.weights))

    def with_weights(self, weights: Floats) -> "StoredRows":
        """Write other weights into a file of their own.

        Args:
            weights: Shape (rows, fits).

        Returns:
            The rows with these weights.
        """
        path = self.rows.with_name(f"{self.rows.stem}-{uuid4().hex}.npy")
        with written_part(path) as temporary, temporary.open("wb") as file:
            np.save(file, weights)
        return replace(self, weights=path)


PartFunction = Callable[..., Floats]
"""Computes sums over the rows of a part, or weights of its rows; `FitRows` are its first argument."""


@dataclass(frozen=True, kw_only=True)
class DesignParts:
    """All rows of the fits, in parts.

    Attributes:
        parts: The parts, in memory or in files.
        workers: Where the parts are read.
    """

    parts: Sequence[FitRows | StoredRows]
    workers: Workers = IN_PROCESS

    def sum(self, function: PartFunction, **arguments: Floats) -> Floats:
        """Add the results of a function for each part.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The sum; the parts are added in their order.
        """
        compute = partial(_compute, function=function)
        # one task for each thread: the sums of a task are megabytes that travel to the step
        groups = group_parts(self.parts, self.workers.concurrency)
        return reduce(add, self.workers.map(compute, groups, description=None, shared=arguments))

    def reweighted(self, function: PartFunction, **arguments: Floats) -> "DesignParts":
        """Replace the weights of all rows.

        Args:
            function: A function of a module, which returns the weights of a part.
            arguments: Further arguments of the function.

        Returns:
            The rows with new weights.
        """
        reweight = partial(_reweight, function=function)
        parts = self.workers.map(reweight, self.parts, description=None, shared=arguments)
        return replace(self, parts=parts)


def _compute(parts: Sequence[FitRows | StoredRows], *, function: PartFunction, **arguments: Floats) -> Floats:
    """Add the results for some parts, which are read one after the other."""
    return reduce(add, (function(part.read(), **arguments) for part in parts))


def _reweight(
    part: FitRows | StoredRows, *, function: PartFunction, **arguments: Floats
) -> FitRows | StoredRows:
    return part.with_weights(function(part.read(), **arguments))


def write_part(rows: FitRows, path: Path) -> StoredRows:
    """Write a part on a worker: few arrays one after the other, which are read in one go.

    A `.npz` file would take longer to check than to multiply.

    Args:
        rows: The part.
        path: The file.

    Returns:
        The written part.
    """
    finder, table = rows.design.finder, rows.design.table
    blocks = finder.nnz // max(finder.shape[0], 1)
    values = finder.data.reshape(-1, max(blocks, 1))
    scaled = np.flatnonzero((values != 1).any(axis=0))
    arrays = (
        *(finder.indices.reshape(-1, max(blocks, 1)), scaled, values[:, scaled]),
        *(table.data, table.indices, table.indptr, np.array(table.shape)),
        *(rows.design.year, rows.target, rows.row_weights),
    )
    with written_part(path) as temporary, temporary.open("wb") as file:
        for array in arrays:
            np.save(file, array, allow_pickle=False)
    return StoredRows(rows=path)


def _read_part(path: Path) -> FitRows:
    with path.open("rb") as file:
        index, scaled, factors, *table, shape, year, target, weights = (np.load(file) for _ in range(10))
    factor_of = dict(zip(scaled.tolist(), factors.T, strict=True))
    design = DesignMatrix(
        finder=find_rows(index, of=shape[0], factors=factor_of),
        table=sparse.csr_matrix(tuple(table), shape=shape),
        year=year,
    )
    return FitRows(design=design, target=target, row_weights=weights, weights=weights)
