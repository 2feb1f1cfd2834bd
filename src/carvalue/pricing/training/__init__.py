"""Train the price model: hyperparameter search, training backends, time adjustment of prices."""

from carvalue.pricing.training.backends import LocalBackend, TrainingBackend
from carvalue.pricing.training.components import Components, LossName
from carvalue.pricing.training.in_memory import FitSettings, FittedModel, fit_model
from carvalue.pricing.training.libraries import Booster, LibraryMissing
from carvalue.pricing.training.reported_sales import sales_evidence
from carvalue.pricing.training.search import Budget, SearchResult, Trial
from carvalue.pricing.training.time_adjustment import TimeAdjustment, adjust_to_newest
from carvalue.pricing.training.train import refit_model, train_model, tune_model

__all__ = [
    "Booster",
    "Budget",
    "Components",
    "FitSettings",
    "FittedModel",
    "LibraryMissing",
    "LocalBackend",
    "LossName",
    "SearchResult",
    "TimeAdjustment",
    "TrainingBackend",
    "Trial",
    "adjust_to_newest",
    "fit_model",
    "refit_model",
    "sales_evidence",
    "train_model",
    "tune_model",
]
