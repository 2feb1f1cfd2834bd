"""The walk down the trees in C (`predict.c`), where the installation could compile it."""

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
MAX_ROWS = np.iinfo(np.uint16).max  # a node's place in its tree and the cell it looks at have two bytes
BRIEF_ROWS = 64  # so few are scored sooner than the interpreter's lock, once given up, would come back


class _Forest(ctypes.Structure):
    """As `predict.c` declares it."""

    _fields_ = (
        ("trees", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("nodes", "leaves", "roots", "order")),
    )


class NativePredictor:
    """A forest as the C program reads it. Safe to share between threads."""

    def __init__(self, *, nodes: npt.NDArray[Any], leaves: Singles, roots: Ints, order: Ints) -> None:
        """Keep the arrays; the program trusts them, so whoever makes them has checked where nodes lead."""
        self._arrays = nodes, leaves, roots, order  # the addresses below are theirs
        self._forest = _Forest(len(roots), *(array.ctypes.data for array in self._arrays))
        self._features = int(nodes["cell"].max(initial=0) + 1) // 2

    def scores(self, rows: Singles, *, starts: Singles) -> Singles:
        """Add up each row's leaves, from its start on. Shapes (rows, features) and (rows,).

        Raises:
            ValueError: rows have fewer features than nodes look at.
        """
        if rows.shape[1] < self._features:
            raise ValueError(f"A row has {rows.shape[1]} features, the trees look at {self._features}.")
        rows, starts = np.ascontiguousarray(rows, np.float32), np.ascontiguousarray(starts, np.float32)
        scores = np.empty(len(rows), dtype=np.float32)
        score = _programs()[len(rows) > BRIEF_ROWS]
        if score(
            ctypes.byref(self._forest), rows.shape[1], len(rows), *map(_address, (rows, starts, scores))
        ):
            raise MemoryError("There is no memory to walk down the trees.")
        return scores


def is_native_available() -> bool:
    """Tell whether this installation has the program."""
    return _library().is_file()


@cache
def _programs() -> tuple[Any, Any]:
    """Load the program twice: one call keeps the interpreter's lock, the other gives it up."""
    return _program(ctypes.PyDLL), _program(ctypes.CDLL)


def _program(load: Any) -> Any:
    score = load(str(_library())).carvalue_score
    score.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *(ctypes.c_void_p,) * 3)
    score.restype = ctypes.c_int
    return score


@cache
def _library() -> Path:
    beside = Path(__file__).parent
    names = [beside / f"_predict{suffix}" for suffix in EXTENSION_SUFFIXES]
    return next(filter(Path.is_file, names), names[0])


def _address(array: Singles) -> int:
    return int(array.__array_interface__["data"][0])
