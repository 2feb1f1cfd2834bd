"""Gradient-boosted trees as flat arrays, with the same predictions as XGBoost."""

from carvalue.pricing.trees.flat import FlatTrees, NestedTree

__all__ = ["FlatTrees", "NestedTree"]
