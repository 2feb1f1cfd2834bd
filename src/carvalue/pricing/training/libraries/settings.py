"""How trees are fitted, the same for every library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from carvalue.errors import AppError
from carvalue.pricing.features import FeatureEncoder
from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import LOSSES, EncodedRows
from carvalue.pricing.training.components import Components, LossName

SMALL_ROWS = 10_000  # fewer are fitted faster by one thread


class LibraryMissing(AppError):
    """The library of the trees is not installed."""

    status = 409
    hint = "Install the extra of its name, as `pip install carvalue[lightgbm]`, or use booster='xgboost'."


@dataclass(frozen=True, kw_only=True)
class BoostingSettings:
    """How trees are fitted.

    Attributes:
        params: Parameters under XGBoost's names, and `seed`.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.
        rounds: Number of boosting rounds; the largest number where validation rows stop the fit earlier.
        loss: Loss on the error of the log price.
    """

    params: Mapping[str, float]
    monotone: tuple[int, ...]
    rounds: int
    loss: LossName

    @classmethod
    def from_components(
        cls, components: Components, *, encoder: FeatureEncoder, params: Mapping[str, float], rounds: int
    ) -> "BoostingSettings":
        """Take the loss and the constraints from the components of a model.

        Args:
            components: Components of the model.
            encoder: Encoder of the rows.
            params: Parameters under XGBoost's names, and `seed`.
            rounds: Largest number of boosting rounds.

        Returns:
            The settings; no rounds for a model without trees.
        """
        return cls(
            params=params,
            monotone=encoder.monotone if components.monotone else (0,) * len(encoder.names),
            rounds=rounds if components.trees else 0,
            loss=components.loss,
        )

    def derivatives(self, margin: Floats, log_price: Floats) -> tuple[Floats, Floats]:
        """Compute gradient and curvature of the loss.

        Args:
            margin: Predicted log prices, shape (rows,).
            log_price: Log prices, shape (rows,).

        Returns:
            Gradient and curvature, shape (rows,) each.
        """
        return LOSSES[self.loss](margin, _Labels(log_price))  # type: ignore[arg-type]


FitTrees = Callable[[BoostingSettings, EncodedRows, EncodedRows | None], FittedTrees]
"""Fits trees on training rows, and stops early where validation rows are given."""


def import_library(name: Literal["lightgbm", "catboost"]) -> Any:
    """Import an optional library.

    Args:
        name: Name of the module.

    Returns:
        The module.

    Raises:
        LibraryMissing: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise LibraryMissing(f"{name} is not installed.") from error


class _Labels:
    """Labels under the method by which a loss asks XGBoost for them."""

    def __init__(self, labels: Floats) -> None:
        self._labels = labels

    def get_label(self) -> Floats:
        return self._labels
