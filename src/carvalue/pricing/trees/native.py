"""Tree prediction in C (`predict.c`), where the installation could compile it."""

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]

NODE = np.dtype([("threshold", np.float32), ("left", np.uint16), ("cell", np.uint16)])
"""Layout of a node, as `predict.c` declares it."""
MAX_INDEX = np.iinfo(np.uint16).max
"""Largest node index within a tree and largest cell index that a node can hold."""
MAX_LOCKED_ROWS = 64
"""Up to so many rows a call keeps the interpreter's lock: reacquiring it would take longer than the call."""


class _Forest(ctypes.Structure):
    """As `predict.c` declares it."""

    _fields_ = (
        ("trees", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("nodes", "leaves", "roots", "order")),
    )


class NativePredictor:
    """Trees in the memory layout of the C program. Safe to share between threads.

    The C program does not check indices: the caller must check that every node leads to a node of its tree.

    Args:
        nodes: Nodes of all trees, dtype `NODE`, shape (nodes,).
        leaves: Value of each node that is a leaf, shape (nodes,).
        roots: Index of each tree's first node, shape (trees,).
        order: Indices of the trees in the order of traversal, shape (trees,); it does not change the result.
    """

    def __init__(self, *, nodes: npt.NDArray[Any], leaves: Singles, roots: Ints, order: Ints) -> None:
        self._arrays = nodes, leaves, roots, order  # keeps the memory of the addresses below alive
        self._forest = _Forest(len(roots), *(array.ctypes.data for array in self._arrays))
        self._features = int(nodes["cell"].max(initial=0) + 1) // 2

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
        rows, starts = np.ascontiguousarray(rows, np.float32), np.ascontiguousarray(base_margin, np.float32)
        scores = np.empty(len(rows), dtype=np.float32)
        score = _programs()[len(rows) > MAX_LOCKED_ROWS]
        if score(
            ctypes.byref(self._forest), rows.shape[1], len(rows), *map(_address, (rows, starts, scores))
        ):
            raise MemoryError("The working memory for tree prediction cannot be allocated.")
        return scores


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
    score.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *(ctypes.c_void_p,) * 3)
    score.restype = ctypes.c_int
    return score


@cache
def _library() -> Path:
    folder = Path(__file__).parent
    names = [folder / f"_predict{suffix}" for suffix in EXTENSION_SUFFIXES]
    return next(filter(Path.is_file, names), names[0])


def _address(array: Singles) -> int:
    return int(array.__array_interface__["data"][0])
