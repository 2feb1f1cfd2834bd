"""Trees of XGBoost."""

from collections.abc import Sequence

from carvalue.pricing.intervals import QuantileTrees
from carvalue.pricing.model import new_booster
from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import (
    EncodedRows,
    FittedBooster,
    boost,
    matrices,
    price_growth,
    quantile_growths,
)
from carvalue.pricing.training.libraries.settings import BoostingSettings
from carvalue.pricing.trees import FlatTrees


def from_xgboost(price: FittedBooster, *quantiles: FittedBooster) -> FittedTrees:
    """Convert boosters of XGBoost.

    Args:
        price: The fitted booster of the price.
        *quantiles: Those of the low and of the high quantile, or none.

    Returns:
        The trees.
    """
    content = bytes(price.booster.save_raw(raw_format="ubj"))
    return FittedTrees(
        flat_trees=FlatTrees.from_booster(new_booster(content)),
        rounds=price.rounds,
        booster_bytes=content,
        quantile_trees=_quantile_trees(quantiles) if quantiles else None,
    )


def fit_xgboost(
    settings: BoostingSettings, train: EncodedRows, validation: EncodedRows | None
) -> FittedTrees:
    """Fit with XGBoost.

    Args:
        settings: Parameters, constraints, loss and rounds.
        train: Rows to fit on.
        validation: Rows for early stopping; None fits all rounds.

    Returns:
        The trees, without those after the best round.
    """
    growth = price_growth(
        settings.params, monotone=settings.monotone, rounds=settings.rounds, loss=settings.loss
    )
    return from_xgboost(boost(growth, *matrices(train=train, validation=validation)))


def fit_quantile_trees(
    rounds: Sequence[int], train: EncodedRows, validation: EncodedRows | None
) -> QuantileTrees:
    """Fit the trees of both quantiles with XGBoost, also if another library fits the price.

    Args:
        rounds: Largest number of boosting rounds for each.
        train: Rows to fit on.
        validation: Rows for early stopping; None fits all rounds.

    Returns:
        The trees, without those after the best round.
    """
    binned = matrices(train=train, validation=validation)
    return _quantile_trees([boost(growth, *binned) for growth in quantile_growths(rounds)])


def _quantile_trees(fitted: Sequence[FittedBooster]) -> QuantileTrees:
    low, high = (FlatTrees.from_booster(item.booster) for item in fitted)
    return QuantileTrees(low=low, high=high)
