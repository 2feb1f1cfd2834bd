"""Libraries of gradient-boosted trees: each fits with the same loss, constraints and starting point.

The trees of every library become `FlatTrees`, so that a model is saved, loaded and served alike.
"""

from collections.abc import Mapping
from typing import Literal

from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import EncodedRows
from carvalue.pricing.training.libraries.catboost_trees import fit_catboost, nested_trees
from carvalue.pricing.training.libraries.lightgbm_trees import fit_lightgbm, nested_from_lightgbm
from carvalue.pricing.training.libraries.settings import BoostingSettings, FitTrees, LibraryMissing
from carvalue.pricing.training.libraries.xgboost_trees import fit_quantile_trees, fit_xgboost, from_xgboost
from carvalue.pricing.trees import FlatTrees

__all__ = [
    "LIBRARIES",
    "Booster",
    "BoostingSettings",
    "LibraryMissing",
    "fit_quantile_trees",
    "fit_trees",
    "from_xgboost",
    "nested_from_lightgbm",
    "nested_trees",
]

Booster = Literal["xgboost", "lightgbm", "catboost"]
"""Name of a library."""
LIBRARIES: Mapping[Booster, FitTrees] = {
    "xgboost": fit_xgboost,
    "lightgbm": fit_lightgbm,
    "catboost": fit_catboost,
}
"""Name of a library -> function that fits its trees."""


def fit_trees(
    booster: Booster, settings: BoostingSettings, *, train: EncodedRows, validation: EncodedRows | None = None
) -> FittedTrees:
    """Fit trees with a library.

    Args:
        booster: Name of the library.
        settings: How the trees are fitted.
        train: Rows to fit on.
        validation: Rows for early stopping; None fits all rounds.

    Returns:
        The trees, without those after the best round; none where the settings have no rounds.

    Raises:
        LibraryMissing: The library is not installed.
    """
    if not settings.rounds:
        return FittedTrees(flat_trees=FlatTrees.from_nested([]), rounds=0)
    return LIBRARIES[booster](settings, train, validation)
