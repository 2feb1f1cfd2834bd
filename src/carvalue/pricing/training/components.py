"""The components of the price model that can be left out, to measure what each of them adds."""

from dataclasses import dataclass
from typing import Literal

LossName = Literal["student_t", "huber", "squared"]


@dataclass(frozen=True, kw_only=True)
class Components:
    """Which components a model has; the default is the complete model."""

    target_encoding: bool = True
    """The mean log price of the name is a feature."""
    additive_model: bool = True
    """Trees start from the additive model's log price and have its parts as features, not from the mean."""
    token_curves: bool = True
    """In the additive model every token of a name has its own curves over age and miles."""
    loss: LossName = "student_t"
    """Loss of the trees on the error of the log price."""
    monotone: bool = True
    """The trees keep the monotone constraints of the schema."""


COMPLETE = Components()
"""All components."""
