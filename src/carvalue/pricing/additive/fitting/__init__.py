"""Fit the additive model."""

from carvalue.pricing.additive.fitting.columns import DesignColumns, choose_columns, count_cells
from carvalue.pricing.additive.fitting.design_matrix import build_design
from carvalue.pricing.additive.fitting.fit import fit_additive
from carvalue.pricing.additive.fitting.parts import (
    DesignParts,
    FitRows,
    StoredRows,
    write_part,
)

__all__ = [
    "DesignColumns",
    "DesignParts",
    "FitRows",
    "StoredRows",
    "build_design",
    "choose_columns",
    "count_cells",
    "fit_additive",
    "write_part",
]
