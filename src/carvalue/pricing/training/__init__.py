"""Train the price model: hyperparameter search, training backends, time adjustment of prices."""

from carvalue.pricing.training.backends import LocalBackend, TrainingBackend
from carvalue.pricing.training.reported_sales import sales_evidence
from carvalue.pricing.training.search import Budget, SearchResult, Trial
from carvalue.pricing.training.time_adjustment import TimeAdjustment, adjust_to_newest
from carvalue.pricing.training.train import train_model, tune_model

__all__ = [
    "Budget",
    "LocalBackend",
    "SearchResult",
    "TimeAdjustment",
    "TrainingBackend",
    "Trial",
    "adjust_to_newest",
    "sales_evidence",
    "train_model",
    "tune_model",
]
