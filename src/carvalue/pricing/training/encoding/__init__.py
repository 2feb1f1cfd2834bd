"""Fit the feature encoder on training rows in parts, and encode them out of fold."""

from carvalue.pricing.training.encoding.fit import fit_training_encoder
from carvalue.pricing.training.encoding.price_sums import log_prices
from carvalue.pricing.training.encoding.training_encoder import TrainingEncoder, encode_unseen
from carvalue.pricing.training.encoding.training_rows import TrainingRows, in_files, in_memory

__all__ = [
    "TrainingEncoder",
    "TrainingRows",
    "encode_unseen",
    "fit_training_encoder",
    "in_files",
    "in_memory",
    "log_prices",
]
