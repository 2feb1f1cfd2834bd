"""Training rows in parts: sums over all rows are sums over the parts, in memory or in files of a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path
from uuid import uuid4

import numpy as np
from scipy import sparse

from carvalue.parallel import IN_PROCESS, Workers, written_part
from carvalue.pricing.additive.fitting.blocks import ColumnBlock, DesignMatrix, Finders, Floats


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
        return reduce(add, self.workers.map(compute, self.parts, description=None, shared=arguments))

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


def _compute(part: FitRows | StoredRows, *, function: PartFunction, **arguments: Floats) -> Floats:
    return function(part.read(), **arguments)


def _reweight(
    part: FitRows | StoredRows, *, function: PartFunction, **arguments: Floats
) -> FitRows | StoredRows:
    return part.with_weights(function(part.read(), **arguments))


def write_part(rows: FitRows, path: Path) -> StoredRows:
    """Write a part on a worker.

    Args:
        rows: The part.
        path: The file.

    Returns:
        The written part.
    """
    design = rows.design
    arrays = {"target": rows.target, "row_weights": rows.row_weights, "year": design.year}
    for name, block in design.blocks.items():
        table = block.table
        arrays |= {f"{name}/index": block.finder.indices, f"{name}/shape": np.array(table.shape)}
        arrays |= {f"{name}/{array}": getattr(table, array) for array in ("data", "indices", "indptr")}
        if (block.finder.data != 1).any():
            arrays[f"{name}/factor"] = block.finder.data
    with written_part(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return StoredRows(rows=path)


def _read_part(path: Path) -> FitRows:
    with np.load(path) as arrays:
        finders = Finders(len(arrays["year"]))
        names = [name.removesuffix("/index") for name in arrays.files if name.endswith("/index")]
        blocks = {}
        for name in names:
            shape = arrays[f"{name}/shape"]
            columns = tuple(arrays[f"{name}/{array}"] for array in ("data", "indices", "indptr"))
            factor = arrays[f"{name}/factor"] if f"{name}/factor" in arrays.files else None
            blocks[name] = ColumnBlock(
                finder=finders.find(arrays[f"{name}/index"], of=shape[0], factor=factor),
                table=sparse.csr_matrix(columns, shape=shape),
            )
        weights = arrays["row_weights"]
        design = DesignMatrix(blocks=blocks, year=arrays["year"])
        return FitRows(design=design, target=arrays["target"], row_weights=weights, weights=weights)
