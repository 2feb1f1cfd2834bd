"""The components of the price model that can be left out, to measure what each of them adds."""

from dataclasses import dataclass
from typing import Literal

from carvalue.pricing.features import NameReader, car_name, typed_name

LossName = Literal["student_t", "huber", "squared"]


@dataclass(frozen=True, kw_only=True)
class Components:
    """Which components a model has; the default is the complete model."""

    parsed_names: bool = True
    """Make, family, trim and engine size are read from the name, instead of its texts as typed."""
    implausible_odometers: bool = True
    """Implausible odometers of used cars are replaced by a flag."""
    target_encoding: bool = True
    """The mean log price of the name is a feature."""
    additive_model: bool = True
    """Trees start from the additive model's log price and have its parts as features, not from the mean."""
    token_curves: bool = True
    """In the additive model every token of a name has its own curves over age and miles."""
    trees: bool = True
    """Gradient-boosted trees correct the price that they start from."""
    loss: LossName = "student_t"
    """Loss of the trees on the error of the log price."""
    monotone: bool = True
    """The trees keep the monotone constraints of the schema."""
    quantile_trees: bool = True
    """Trees of the 5 % and 95 % quantile scale the price ranges."""

    @property
    def read_name(self) -> NameReader:
        """How features read the name of a car."""
        return car_name if self.parsed_names else typed_name


COMPLETE = Components()
"""All components."""
