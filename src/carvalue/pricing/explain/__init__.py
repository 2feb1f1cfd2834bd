"""Explain a price: Shapley contributions in dollars, and what-if curves."""

from carvalue.pricing.explain.groups import GROUPS
from carvalue.pricing.explain.shapley import explain_price
from carvalue.pricing.explain.what_if import what_if_curves

__all__ = ["GROUPS", "explain_price", "what_if_curves"]
