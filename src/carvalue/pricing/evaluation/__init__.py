"""Evaluate a model: scores, slices, calibration, invariants, a baseline, plots and a model card."""

from carvalue.pricing.evaluation.evaluate import (
    MODEL_CARD,
    TABLES,
    Champion,
    Evaluation,
    evaluate_bundle,
    quote_rows,
    read_accuracy,
)
from carvalue.pricing.evaluation.invariants import (
    InvariantResult,
    check_invariants,
    violations,
)
from carvalue.pricing.evaluation.scores import (
    price_scores,
    range_scores,
    score_listings,
    summarize_scores,
    winkler_score,
)
from carvalue.pricing.evaluation.slices import SLICES, add_slices
from carvalue.pricing.intervals import NOMINAL_COVERAGE

__all__ = [
    "MODEL_CARD",
    "NOMINAL_COVERAGE",
    "SLICES",
    "TABLES",
    "Champion",
    "Evaluation",
    "InvariantResult",
    "add_slices",
    "check_invariants",
    "evaluate_bundle",
    "price_scores",
    "quote_rows",
    "range_scores",
    "read_accuracy",
    "score_listings",
    "summarize_scores",
    "violations",
    "winkler_score",
]
