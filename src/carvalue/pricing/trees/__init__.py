"""Fast prediction with gradient-boosted trees."""

from carvalue.pricing.trees.flat import FlatTrees

__all__ = ["FlatTrees"]
