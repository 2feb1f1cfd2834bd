"""Tree prediction in C (`predict.c`), where the installation could compile it."""

import ctypes
from collections.abc import Sequence
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]
Packed = npt.NDArray[np.uint32]

LEFT_BITS, CELL_BITS, RANK_BITS = 11, 7, 14
"""Bits of a node from the lowest, as `predict.c` declares them."""
MAX_NODES, MAX_FEATURES, MAX_THRESHOLDS = 2**LEFT_BITS, 2 ** (CELL_BITS - 1) - 1, 2**RANK_BITS - 3
"""Largest number of nodes in a tree, of features, and of thresholds of a feature."""
MAX_LOCKED_ROWS = 64
"""Up to so many rows a call keeps the interpreter's lock: reacquiring it would take longer than the call."""


_Memory = ctypes.c_char * 0
"""The memory of an array of any length, also of none."""


class _Forest(ctypes.Structure):
    """As `predict.c` declares it."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("trees", "features")),
        *((name, ctypes.c_void_p) for name in ("nodes", "leaves", "roots", "thresholds", "first")),
    )


class NativePredictor:
    """Trees in the memory layout of the C program. Safe to share between threads.

    The C program does not check indices: the caller must check that every node leads to a node of its tree.

    Args:
        nodes: Nodes of all trees, as `pack_nodes` returns them, shape (nodes,).
        leaves: Value of each node that is a leaf, shape (nodes,).
        roots: Index of each tree's first node, shape (trees,).
        thresholds: For each feature its distinct thresholds, increasing.
    """

    def __init__(self, *, nodes: Packed, leaves: Singles, roots: Ints, thresholds: Sequence[Singles]) -> None:
        first = np.cumsum([0, *map(len, thresholds)], dtype=np.int32)
        joined = np.concatenate([np.empty(0, dtype=np.float32), *thresholds])
        # keeps the memory of the addresses below alive
        self._arrays = nodes, leaves, roots, joined, first
        self._features = len(thresholds)
        addresses = (array.ctypes.data for array in self._arrays)
        self._forest = _Forest(len(roots), self._features, *addresses)

    def predict(self, rows: Singles, *, base_margin: Singles) -> Singles:
        """Add the leaves of each row to its base margin.

        Args:
            rows: Encoded rows, shape (rows, features), dtype float32; NaN is a missing value.
            base_margin: Start of each sum, shape (rows,), dtype float32.

        Returns:
            Sums, shape (rows,), dtype float32.

        Raises:
            ValueError: The rows have fewer features than the trees use.
            MemoryError: The working memory cannot be allocated.
        """
        if rows.shape[1] < self._features:
            raise ValueError(f"A row has {rows.shape[1]} features, the trees use {self._features}.")
        rows = np.array(
            rows, np.float32, order="C"
        )  # a copy: finding the address of a writable array is quicker
        scores = np.array(base_margin, np.float32)
        score = _programs()[len(rows) > MAX_LOCKED_ROWS]
        if score(ctypes.byref(self._forest), *rows.shape[::-1], _address(rows), _address(scores)):
            raise MemoryError("The working memory for tree prediction cannot be allocated.")
        return scores


def pack_nodes(*, left: Ints, cell: Ints, rank: Ints) -> Packed:
    """Pack nodes into the layout of the C program.

    Args:
        left: How far the left child is behind the node, 0 at a leaf, shape (nodes,).
        cell: Index of the compared cell: 0 at a leaf, otherwise one more than twice the feature, and one more
            where a missing value goes right, shape (nodes,).
        rank: Lowest rank that goes right, from 1, shape (nodes,). The rank of a value is the number of
            thresholds of the feature that are not above it.

    Returns:
        One number for each node, shape (nodes,).
    """
    return (left | cell << LEFT_BITS | rank << (LEFT_BITS + CELL_BITS)).astype(np.uint32)


def is_native_available() -> bool:
    """Check whether this installation has the compiled program.

    Returns:
        Whether the shared library exists.
    """
    return _library().is_file()


@cache
def _programs() -> tuple[Any, Any]:
    """Load the program twice: the first keeps the interpreter's lock in calls, the second releases it."""
    return _program(ctypes.PyDLL), _program(ctypes.CDLL)


def _program(load: Any) -> Any:
    score = load(str(_library())).carvalue_score
    score.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    score.restype = ctypes.c_int
    return score


@cache
def _library() -> Path:
    folder = Path(__file__).parent
    names = [folder / f"_predict{suffix}" for suffix in EXTENSION_SUFFIXES]
    return next(filter(Path.is_file, names), names[0])


def _address(array: Singles) -> int:
    return ctypes.addressof(_Memory.from_buffer(array.data))
