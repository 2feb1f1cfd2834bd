"""Fit the additive model."""

from carvalue.pricing.additive.fitting.design_matrix import build_design
from carvalue.pricing.additive.fitting.fit import fit_parts, row_weights

__all__ = ["build_design", "fit_parts", "row_weights"]
