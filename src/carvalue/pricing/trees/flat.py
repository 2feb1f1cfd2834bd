"""The trees as flat arrays: a listing costs a fraction of XGBoost's own call.

XGBoost 3.2 prepares every tree anew on each call, about 3 us a tree: at a thousand trees, most of a quote.
Here the leaves are added in XGBoost's order and precision, so that the sum is the same bit for bit. The walk
is compiled where the installation could (`compiled.py`); else NumPy walks a row down all trees at once.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carvalue.pricing.trees.native import MAX_ROWS, NODE, NativePredictor, is_native_available

if TYPE_CHECKING:
    import xgboost as xgb

Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.intp]
Bits = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]

TREES_AT_ONCE = 100  # read out of XGBoost's JSON, which takes fifty times the arrays' memory
LEVELS_AT_ONCE = 3  # looking which trees wait costs as much as walking a level


@dataclass(frozen=True, kw_only=True, eq=False)
class FlatTrees:
    """Nodes of all trees; a node's right child follows its left one, and a leaf leads to itself."""

    roots: Ints
    left: Ints
    feature: Ints
    threshold: Singles
    """A smaller value goes left; infinite at a leaf."""
    missing_right: Bits
    leaf: Singles

    @classmethod
    def of(cls, booster: "xgb.Booster") -> "FlatTrees":
        """Read the trees out of a booster with numeric features and one output."""
        parts = [_flat(tree) for tree in _trees(booster)]
        starts = np.cumsum([0, *(len(part["left"]) for part in parts)], dtype=np.int32)[:-1]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        joined["left"] += np.repeat(starts, [len(part["left"]) for part in parts])
        return cls(roots=starts, **joined)

    def scores(self, rows: Singles, *, starts: Singles) -> Singles:
        """Add up each row's leaves, from its start on. Shapes (rows, features) and (rows,)."""
        if self.compiled:
            return self.compiled.scores(rows, starts=starts)
        pairs = zip(rows, starts, strict=True)
        return np.array([self.score(row, start=start) for row, start in pairs], dtype=np.float32)

    @cached_property
    def compiled(self) -> NativePredictor | None:
        """The compiled walk, where this installation has it and the trees fit its nodes."""
        if (
            not is_native_available()
            or self._sizes.max(initial=0) > MAX_ROWS
            or self.feature.max(initial=0) >= MAX_ROWS // 2
        ):
            return None
        return NativePredictor(
            nodes=self._nodes(), leaves=self.leaf, roots=self.roots, order=self._shallow_first()
        )

    def score(self, row: Singles, *, start: np.float32) -> np.float32:
        """Add up one row's leaves with NumPy. The row has shape (features,)."""
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
    def from_bytes(cls, content: bytes) -> "FlatTrees":
        """Read what `as_bytes` wrote.

        Raises:
            KeyError, ValueError: an array is missing, the file is none, or its nodes make no trees.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            forest = cls(**{item.name: arrays[item.name] for item in fields(cls)})
        forest._require_trees()
        return forest

    def _nodes(self) -> npt.NDArray[Any]:
        nodes = np.empty(len(self.left), dtype=NODE)
        nodes["threshold"], nodes["left"] = self.threshold, self.left - np.repeat(self.roots, self._sizes)
        nodes["cell"] = np.where(self._is_leaf, 0, 1 + 2 * self.feature + self.missing_right)
        return nodes

    def _shallow_first(self) -> Ints:
        """Order the trees by depth."""
        depths, at, tree = np.zeros(len(self.roots), dtype=np.int32), self.roots, np.arange(len(self.roots))
        while len(at):
            inner = self.left[at] != at
            at, tree = self.left[at[inner]], tree[inner]
            depths[tree] += 1  # once for each tree, however often it is named
            at, tree = np.concatenate([at, at + 1]), np.concatenate([tree, tree])
        return np.argsort(depths, kind="stable").astype(np.int32)

    def _require_trees(self) -> None:
        """See that each node leads to two of its own tree, and no other to these: so every walk ends."""
        inner = np.flatnonzero(~self._is_leaf)
        tree = np.repeat(np.arange(len(self.roots)), self._sizes)
        children = np.concatenate([self.left[inner], self.left[inner] + 1])
        inside = (children > 0) & (children < len(tree))
        if not (inside.all() and (tree[children] == np.tile(tree[inner], 2)).all()):
            raise ValueError("A node of the forest leads out of its tree.")
        if len(np.unique(children)) < len(children) or np.isin(self.roots, children).any():
            raise ValueError("Two nodes of the forest lead to the same.")

    @property
    def _sizes(self) -> Ints:
        return np.diff(self.roots, append=len(self.left))

    @property
    def _is_leaf(self) -> Bits:
        return np.equal(self.left, np.arange(len(self.left)))

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


def _trees(booster: "xgb.Booster") -> Iterator[dict[str, Any]]:
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
