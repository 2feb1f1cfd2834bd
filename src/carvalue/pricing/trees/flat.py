"""Gradient-boosted trees as flat arrays: prediction of one listing costs a fraction of XGBoost's own call.

XGBoost 3.2 prepares every tree again on each call, about 3 us per tree: at a thousand trees, most of a quote.
Here the leaves are added in XGBoost's order and precision, so that the sum is the same bit for bit. The
traversal is in C where the installation could compile it (`trees/native.py`); otherwise NumPy moves a row
down all trees at once.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from carvalue.pricing.trees.native import (
    MAX_FEATURES,
    MAX_NODES,
    MAX_THRESHOLDS,
    NativePredictor,
    Packed,
    is_native_available,
    pack_nodes,
)

if TYPE_CHECKING:
    import xgboost as xgb

Ints = npt.NDArray[np.int32]
Indices = npt.NDArray[np.intp]
Bits = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]
NestedTree = float | tuple[int, float, bool, "NestedTree", "NestedTree"]
"""A leaf's value; or column, threshold, whether a missing value goes right, left child and right child."""

_LEAF = (0, 0, np.inf, False, 0.0)
TREES_PER_READ = (
    100  # trees read from XGBoost's JSON at a time; it takes fifty times the memory of the arrays
)
LEVELS_PER_CHECK = 3  # finding the trees that have reached a leaf costs as much as one level


@dataclass(frozen=True, kw_only=True, eq=False)
class FlatTrees:
    """The nodes of all trees as arrays; the right child follows the left one, and a leaf leads to itself."""

    roots: Ints
    """Index of each tree's first node, shape (trees,)."""
    left: Ints
    """Index of each node's left child, its own index at a leaf, shape (nodes,)."""
    feature: Ints
    """Column that each node compares, 0 at a leaf, shape (nodes,)."""
    threshold: Singles
    """A smaller value goes left; infinite at a leaf, shape (nodes,)."""
    missing_right: Bits
    """Whether a missing value goes right, shape (nodes,)."""
    leaf: Singles
    """Value of each leaf, 0 at other nodes, shape (nodes,)."""

    @classmethod
    def from_booster(cls, booster: "xgb.Booster") -> "FlatTrees":
        """Read the trees of a booster.

        Args:
            booster: Fitted booster with numeric features and one output.

        Returns:
            The same trees as arrays.

        Examples:
            >>> import xgboost as xgb
            >>> rows = np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
            >>> data = xgb.DMatrix(rows, label=[1.0, 1.0, 5.0, 5.0], base_margin=np.zeros(4))
            >>> booster = xgb.train({"max_depth": 1, "eta": 1.0, "lambda": 0.0, "nthread": 1}, data, 1)
            >>> trees = FlatTrees.from_booster(booster)
            >>> trees.predict(rows, base_margin=np.zeros(4, dtype=np.float32)).tolist()
            [1.0, 1.0, 5.0, 5.0]
        """
        parts = [_flat(tree) for tree in _trees(booster)]
        starts = np.cumsum([0, *(len(part["left"]) for part in parts)], dtype=np.int32)[:-1]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        joined["left"] += np.repeat(starts, [len(part["left"]) for part in parts])
        return cls(roots=starts, **joined)

    @classmethod
    def from_nested(cls, trees: Sequence[NestedTree]) -> "FlatTrees":
        """Build the arrays from nested trees of any library.

        Args:
            trees: Each a leaf's value, or a tuple of column, threshold, whether a missing value goes right,
                left child (smaller values) and right child.

        Returns:
            The same trees as arrays.

        Examples:
            >>> trees = FlatTrees.from_nested([(0, 2.5, False, 1.0, 5.0), 0.5])
            >>> rows = np.array([[1.0], [4.0], [np.nan]], dtype=np.float32)
            >>> trees.predict(rows, base_margin=np.zeros(3, dtype=np.float32)).tolist()
            [1.5, 5.5, 1.5]
        """
        roots, nodes = [], list[tuple[int, int, float, bool, float]]()  # left, column, threshold, ..., leaf
        for tree in trees:
            roots.append(len(nodes))
            waiting = [(len(nodes), tree)]
            nodes.append(_LEAF)
            while waiting:
                place, node = waiting.pop()
                if not isinstance(node, tuple):
                    nodes[place] = (place, 0, np.inf, False, node)
                    continue
                column, threshold, missing_right, left, right = node
                nodes[place] = (len(nodes), column, threshold, missing_right, 0.0)
                waiting += [(len(nodes), left), (len(nodes) + 1, right)]
                nodes += [_LEAF, _LEAF]
        columns = list(zip(*nodes, strict=True)) or [()] * 5
        kinds = {"left": np.int32, "feature": np.int32, "threshold": np.float32, "missing_right": np.bool_}
        return cls(
            roots=np.array(roots, dtype=np.int32),
            leaf=np.array(columns[-1], dtype=np.float32),
            **{
                name: np.array(column, dtype=kind)
                for (name, kind), column in zip(kinds.items(), columns, strict=False)
            },
        )

    def predict(self, rows: Singles, *, base_margin: Singles) -> Singles:
        """Add the leaves of each row to its base margin, with the same bits as XGBoost.

        Args:
            rows: Encoded rows, shape (rows, features), dtype float32; NaN is a missing value.
            base_margin: Start of each sum, shape (rows,), dtype float32.

        Returns:
            Sums, shape (rows,), dtype float32.
        """
        if self.native:
            return self.native.predict(rows, base_margin=base_margin)
        pairs = zip(rows, base_margin, strict=True)
        return np.array([self.predict_row(row, base_margin=start) for row, start in pairs], dtype=np.float32)

    def predict_row(self, row: Singles, *, base_margin: np.float32) -> np.float32:
        """Add the leaves of one row to its base margin with NumPy.

        Args:
            row: Encoded row, shape (features,), dtype float32; NaN is a missing value.
            base_margin: Start of the sum.

        Returns:
            The sum.

        Examples:
            >>> leaf = FlatTrees(  # two trees of one leaf each
            ...     roots=np.array([0, 1], dtype=np.int32),
            ...     left=np.array([0, 1], dtype=np.int32),
            ...     feature=np.zeros(2, dtype=np.int32),
            ...     threshold=np.full(2, np.inf, dtype=np.float32),
            ...     missing_right=np.zeros(2, dtype=np.bool_),
            ...     leaf=np.array([0.25, 0.5], dtype=np.float32),
            ... )
            >>> float(leaf.predict_row(np.array([7.0], dtype=np.float32), base_margin=np.float32(9.0)))
            9.75
        """
        leaves = self.leaf[self._leaf_nodes(row)]
        in_order = np.add.accumulate(np.concatenate([[base_margin], leaves]))  # np.sum would add in pairs
        return np.float32(in_order[-1])

    @cached_property
    def native(self) -> NativePredictor | None:
        """The compiled traversal; None where this installation has none or the trees are too large for it."""
        if (
            not is_native_available()
            or self._sizes.max(initial=0) > MAX_NODES
            or self.feature.max(initial=0) >= MAX_FEATURES
            or self._steps.min(initial=0) < 0
        ):
            return None
        thresholds = self._thresholds()
        if max(map(len, thresholds)) > MAX_THRESHOLDS:
            return None
        return NativePredictor(
            nodes=self._nodes(thresholds),
            leaves=self.leaf,
            roots=self.roots,
            thresholds=thresholds,
        )

    def as_bytes(self) -> bytes:
        """Serialize the arrays as a compressed `.npz` without pickle.

        Returns:
            Content of the file.
        """
        file = io.BytesIO()
        np.savez_compressed(
            file, allow_pickle=False, **{item.name: getattr(self, item.name) for item in fields(self)}
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "FlatTrees":
        """Read what `as_bytes` wrote, and check that the nodes form trees.

        Args:
            content: Content of the `.npz` file.

        Returns:
            The trees.

        Raises:
            KeyError: An array is missing.
            ValueError: The content is not an `.npz` file without pickles, or its nodes do not form trees.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            trees = cls(**{item.name: arrays[item.name] for item in fields(cls)})
        trees._require_trees()
        return trees

    def _thresholds(self) -> list[Singles]:
        """List the distinct thresholds of each feature up to the last one that the trees use, increasing."""
        features = range(self.feature.max(initial=0) + 1)
        return [np.unique(self.threshold[~self._is_leaf & (self.feature == item)]) for item in features]

    def _nodes(self, thresholds: Sequence[Singles]) -> Packed:
        rank = np.ones(len(self.left), dtype=np.int32)
        for feature, edges in enumerate(thresholds):
            own = ~self._is_leaf & (self.feature == feature)
            rank[own] += np.searchsorted(edges, self.threshold[own]).astype(np.int32)
        return pack_nodes(
            left=self._steps,
            cell=np.where(self._is_leaf, 0, 1 + 2 * self.feature + self.missing_right).astype(np.int32),
            rank=rank,
        )

    def _require_trees(self) -> None:
        """Check that each node has two children of its own in its tree, so that every traversal ends."""
        inner = np.flatnonzero(~self._is_leaf)
        tree = np.repeat(np.arange(len(self.roots)), self._sizes)
        children = np.concatenate([self.left[inner], self.left[inner] + 1])
        inside = (children > 0) & (children < len(tree))
        if not (inside.all() and (tree[children] == np.tile(tree[inner], 2)).all()):
            raise ValueError("A node leads out of its tree: a child must belong to the tree of its parent.")
        if len(np.unique(children)) < len(children) or np.isin(self.roots, children).any():
            raise ValueError("Two nodes lead to the same child: a node must have one parent, a root none.")

    @property
    def _sizes(self) -> Ints:
        return np.diff(self.roots, append=len(self.left))

    @property
    def _steps(self) -> Ints:
        """How far the left child is behind each node: 0 at a leaf, negative where it comes first."""
        steps: Ints = np.subtract(self.left, np.arange(len(self.left)), dtype=np.int32, casting="same_kind")
        return steps

    @property
    def _is_leaf(self) -> Bits:
        return np.equal(self.left, np.arange(len(self.left)))

    def _leaf_nodes(self, row: Singles) -> Indices:
        """Find the leaf of each tree; trees that have reached a leaf are left out every few levels."""
        cells, nodes = _with_missing_twice(row), self._root_indices
        reached, active = nodes.copy(), np.arange(len(nodes))
        while len(active):
            for _ in range(LEVELS_PER_CHECK):
                parents, right = nodes, cells.take(self._cell.take(nodes)) >= self.threshold.take(nodes)
                nodes = self._left_indices.take(parents)
                nodes += right
            reached[active] = nodes
            moved = np.flatnonzero(nodes != parents)
            nodes, active = nodes.take(moved), active.take(moved)
        return reached

    # NumPy converts other integer types at each look-up: these are stored in its index type
    @cached_property
    def _root_indices(self) -> Indices:
        return self.roots.astype(np.intp)

    @cached_property
    def _left_indices(self) -> Indices:
        return self.left.astype(np.intp)

    @cached_property
    def _cell(self) -> Indices:
        """Index that each node compares in a row `_with_missing_twice`."""
        return 2 * self.feature.astype(np.intp) + self.missing_right


def _with_missing_twice(row: Singles) -> Singles:
    """Repeat each value; a missing one becomes one that always goes left and one that always goes right."""
    cells = np.repeat(row, 2)
    missing = np.flatnonzero(np.isnan(row))
    cells[2 * missing], cells[2 * missing + 1] = -np.inf, np.inf
    return cells


def _trees(booster: "xgb.Booster") -> Iterator[dict[str, Any]]:
    rounds = booster.num_boosted_rounds()
    for start in range(0, rounds, TREES_PER_READ):
        part = booster[start : min(start + TREES_PER_READ, rounds)]
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
