"""Explain a price: Shapley contributions in dollars, what-if curves, and the value of missing answers."""

from carvalue.pricing.explain.groups import GROUPS
from carvalue.pricing.explain.missing import missing_answers
from carvalue.pricing.explain.shapley import explain_price
from carvalue.pricing.explain.what_if import what_if_curves

__all__ = ["GROUPS", "explain_price", "missing_answers", "what_if_curves"]
