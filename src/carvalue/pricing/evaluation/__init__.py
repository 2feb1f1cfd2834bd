"""How good a bundle is, and against what: measures, slices, baseline, pictures."""

from carvalue.pricing.evaluation.calibration import NOMINAL_COVERAGE
from carvalue.pricing.evaluation.evaluate import (
    MODEL_CARD,
    TABLES,
    Champion,
    Evaluation,
    evaluate_bundle,
    quote_rows,
)
from carvalue.pricing.evaluation.invariants import check_invariants, violations
from carvalue.pricing.evaluation.scores import price_scores, range_scores, score_model
from carvalue.pricing.evaluation.slices import SLICES, add_slices

__all__ = [
    "MODEL_CARD",
    "NOMINAL_COVERAGE",
    "SLICES",
    "TABLES",
    "Champion",
    "Evaluation",
    "add_slices",
    "check_invariants",
    "evaluate_bundle",
    "price_scores",
    "quote_rows",
    "range_scores",
    "score_model",
    "violations",
]
