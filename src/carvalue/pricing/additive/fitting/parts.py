"""Training rows in parts: sums over all rows are sums over the parts, in memory or in files of a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import numpy as np
from scipy import sparse

from carvalue.parallel import Workers, written_part
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


PartSum = Callable[..., Floats]
"""Computes a sum over the rows of a part, which is its first argument."""
Reweight = Callable[..., Floats]
"""Computes new `weights` of a part, which is its first argument."""


class DesignParts(Protocol):
    """All rows of the fits."""

    def sum(self, function: PartSum, **arguments: Floats) -> Floats:
        """Add the results of a function for each part.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The sum; the parts are added in their order.
        """
        ...

    def reweighted(self, function: Reweight, **arguments: Floats) -> "DesignParts":
        """Replace `weights`.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The rows with new weights.
        """
        ...


@dataclass(frozen=True)
class PartsInMemory:
    """Parts in the memory of this process.

    Attributes:
        parts: The parts.
    """

    parts: Sequence[FitRows]

    def sum(self, function: PartSum, **arguments: Floats) -> Floats:
        """Add the results of a function for each part.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The sum.
        """
        return reduce(add, (function(part, **arguments) for part in self.parts))

    def reweighted(self, function: Reweight, **arguments: Floats) -> "PartsInMemory":
        """Replace `weights`.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The rows with new weights.
        """
        return PartsInMemory([replace(part, weights=function(part, **arguments)) for part in self.parts])


@dataclass(frozen=True, kw_only=True)
class PartFiles:
    """Files of a part.

    Attributes:
        rows: The part with its first weights.
        weights: The last weights; None while they are the first ones.
    """

    rows: Path
    weights: Path | None = None

    def read(self) -> FitRows:
        """Read the part.

        Returns:
            The part.
        """
        rows = _from_arrays(self.rows)
        return rows if self.weights is None else replace(rows, weights=np.load(self.weights))


@dataclass(frozen=True, kw_only=True)
class PartsInFiles:
    """Parts in files, which workers read; a worker holds one part at a time.

    Attributes:
        files: The files of the parts.
        workers: Where the sums are computed.
    """

    files: Sequence[PartFiles]
    workers: Workers

    def sum(self, function: PartSum, **arguments: Floats) -> Floats:
        """Add the results of a function for each part.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The sum.
        """
        sums = self.workers.map(
            partial(_sum_of_files, function=function),
            self.files,
            description=None,
            shared=arguments,
        )
        return reduce(add, sums)

    def reweighted(self, function: Reweight, **arguments: Floats) -> "PartsInFiles":
        """Replace `weights`.

        Args:
            function: A function of a module.
            arguments: Further arguments of the function.

        Returns:
            The rows with new weights.
        """
        files = self.workers.map(
            partial(_write_weights, function=function, name=uuid4().hex),
            self.files,
            description=None,
            shared=arguments,
        )
        for file in self.files:
            if file.weights is not None:
                file.weights.unlink(missing_ok=True)
        return PartsInFiles(files=files, workers=self.workers)


def write_part(rows: FitRows, path: Path) -> PartFiles:
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
    return PartFiles(rows=path)


def _from_arrays(path: Path) -> FitRows:
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


def _sum_of_files(files: PartFiles, *, function: PartSum, **arguments: Floats) -> Floats:
    return function(files.read(), **arguments)


def _write_weights(files: PartFiles, *, function: Reweight, name: str, **arguments: Floats) -> PartFiles:
    path = files.rows.with_name(f"{files.rows.stem}-{name}.npy")
    with written_part(path) as temporary, temporary.open("wb") as file:
        np.save(file, function(files.read(), **arguments))
    return PartFiles(rows=files.rows, weights=path)
