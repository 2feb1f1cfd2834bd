"""The trees as flat arrays, walked all at once: one listing costs a fraction of XGBoost's own call.

XGBoost 3.2 prepares every tree anew on each call, about 3 us a tree: at a thousand trees, most of a quote.
Here a row walks down all trees level by level, and the leaves are added in XGBoost's order and precision, so
that the sum is the same bit for bit.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.intp]
Bits = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]

TREES_AT_ONCE = 100  # read out of XGBoost's JSON, which takes fifty times the arrays' memory
LEVELS_AT_ONCE = 3  # looking which trees wait costs as much as walking a level


@dataclass(frozen=True, kw_only=True, eq=False)
class Forest:
    """Nodes of all trees; a node's right child follows its left one, and a leaf leads to itself."""

    roots: Ints
    left: Ints
    feature: Ints
    threshold: Singles
    """A smaller value goes left; infinite at a leaf."""
    missing_right: Bits
    leaf: Singles

    @classmethod
    def of(cls, booster: xgb.Booster) -> "Forest":
        """Read the trees out of a booster with numeric features and one output."""
        parts = [_flat(tree) for tree in _trees(booster)]
        starts = np.cumsum([0, *(len(part["left"]) for part in parts)], dtype=np.int32)[:-1]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        joined["left"] += np.repeat(starts, [len(part["left"]) for part in parts])
        return cls(roots=starts, **joined)

    def score(self, row: Singles, *, start: np.float32) -> np.float32:
        """Add up one row's leaves, from `start` on. The row has shape (features,); missing is NaN."""
        leaves = self.leaf[self._reached(row)]
        in_order = np.add.accumulate(np.concatenate([[start], leaves]))  # np.sum would add in pairs
        return np.float32(in_order[-1])

    def as_bytes(self) -> bytes:
        """Write the arrays as a compressed `.npz`, which needs no pickle."""
        file = io.BytesIO()
        np.savez_compressed(
            file, allow_pickle=False, **{item.name: getattr(self, item.name) for item in fields(self)}
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Forest":
        """Read what `as_bytes` wrote.

        Raises:
            KeyError, ValueError: an array is missing, or the file is none.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(**{item.name: arrays[item.name] for item in fields(cls)})

    def _reached(self, row: Singles) -> Places:
        """Walk down every tree; those that have come to a leaf wait, and are left out every few levels."""
        cells, nodes = _with_missing_twice(row), self._starts
        reached, walking = nodes.copy(), np.arange(len(nodes))
        while len(walking):
            for _ in range(LEVELS_AT_ONCE):
                earlier, right = nodes, cells.take(self._cell.take(nodes)) >= self.threshold.take(nodes)
                nodes = self._left.take(earlier)
                nodes += right
            reached[walking] = nodes
            moved = np.flatnonzero(nodes != earlier)
            nodes, walking = nodes.take(moved), walking.take(moved)
        return reached

    # what NumPy looks up by is best kept in its own integers: others are converted at each look-up
    @cached_property
    def _starts(self) -> Places:
        return self.roots.astype(np.intp)

    @cached_property
    def _left(self) -> Places:
        return self.left.astype(np.intp)

    @cached_property
    def _cell(self) -> Places:
        """Where each node looks in a row `_with_missing_twice`."""
        return 2 * self.feature.astype(np.intp) + self.missing_right


def _with_missing_twice(row: Singles) -> Singles:
    """Give each value twice; a missing one as what always goes left, then as what always goes right."""
    cells = np.repeat(row, 2)
    missing = np.flatnonzero(np.isnan(row))
    cells[2 * missing], cells[2 * missing + 1] = -np.inf, np.inf
    return cells


def _trees(booster: xgb.Booster) -> Iterator[dict[str, Any]]:
    rounds = booster.num_boosted_rounds()
    for start in range(0, rounds, TREES_AT_ONCE):
        part = booster[start : min(start + TREES_AT_ONCE, rounds)]
        yield from json.loads(bytes(part.save_raw(raw_format="json")))["learner"]["gradient_booster"][
            "model"
        ]["trees"]


def _flat(tree: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    left = np.array(tree["left_children"], dtype=np.int32)
    is_leaf = left < 0
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    return {
        "left": np.where(is_leaf, np.arange(len(left), dtype=np.int32), left),
        "feature": np.where(is_leaf, 0, np.array(tree["split_indices"])).astype(np.int32),
        "threshold": np.where(is_leaf, np.float32(np.inf), condition).astype(np.float32),
        "missing_right": ~is_leaf & (np.array(tree["default_left"]) == 0),
        "leaf": np.where(is_leaf, condition, np.float32(0)).astype(np.float32),
    }
