"""A scikit-learn regressor of asking prices: the product's own model, for frames in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from carvalue.api import MAX_COMPARABLES
from carvalue.pricing.bundle import Provenance
from carvalue.pricing.estimator.listing_frames import InvalidListingFrame, as_listings, as_prices
from carvalue.pricing.explain import GROUPS, explain_price
from carvalue.pricing.features import FrameCells
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training import Booster, Components, FitSettings, LossName, fit_model

Floats = npt.NDArray[np.float64]
MIN_ROWS = 10


class CarPriceRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Predict asking prices of cars, with calibrated intervals and explanations.

    `X` is a polars or pandas frame with fields of a listing (`carvalue.listings.FIELDS`), of which `year` is
    required. With the columns `car` (which rows show the same car) and `posted_at` (time of posting) the
    newest cars calibrate the intervals; without `posted_at`, random ones do. `y` holds prices in dollars.

    Attributes:
        model_: The fitted `PriceModel`, as the price service loads it from a bundle.
        n_iter_: Number of boosting rounds.
        metrics_: Name of a metric -> its value on the validation rows, before the fit on all rows.
        n_features_in_: Number of columns of `X`.
        feature_names_in_: Names of the columns of `X`.

    Args:
        booster: Library of the trees: `xgboost`, or `lightgbm` or `catboost` if it is installed.
        n_estimators: Largest number of boosting rounds; early stopping on validation rows may end earlier.
        learning_rate: Shrinkage of each tree.
        max_leaves: Largest number of leaves of a tree; about their number in CatBoost.
        min_child_weight: Smallest weight of the rows in a leaf; CatBoost has none.
        subsample: Share of the rows for each tree.
        colsample: Share of the columns for each split; for each tree in CatBoost.
        reg_lambda: L2 penalty on the values of leaves.
        loss: Loss of the trees on log prices: `student_t`, `huber` or `squared`.
        parsed_names: Whether make, family, trim and engine size are read from names, or names taken as typed.
        implausible_odometers: Whether implausible odometers of used cars are replaced by a flag.
        target_encoding: Whether the mean log price of the name is a feature.
        additive_model: Whether trees start from the additive model instead of from the mean.
        token_curves: Whether each token of a name has its own curves over age and miles.
        trees: Whether trees correct the price that they start from.
        monotone: Whether trees keep the monotone constraints of the schema.
        quantile_trees: Whether XGBoost's trees of the 5 % and 95 % quantile scale the intervals.
        validation_fraction: Share of the cars for early stopping and the calibration of intervals.
        refit: Whether the model is fitted again on all rows after its calibration.
        random_state: Seed.

    Examples:
        >>> import polars as pl
        >>> from carvalue.pricing.estimator import CarPriceRegressor
        >>> years = [2005 + row % 15 for row in range(200)]
        >>> X = pl.DataFrame({"manufacturer": "toyota", "model": "camry", "year": years})
        >>> prices = [1_000 * (year - 2000) for year in years]
        >>> regressor = CarPriceRegressor(n_estimators=50, additive_model=False).fit(X, prices)
        >>> old, new = regressor.predict(pl.DataFrame({"manufacturer": "toyota", "year": [2006, 2018]}))
        >>> bool(old < new)
        True
    """

    def __init__(
        self,
        *,
        booster: Booster = "xgboost",
        n_estimators: int = 600,
        learning_rate: float = 0.1,
        max_leaves: int = 64,
        min_child_weight: float = 20.0,
        subsample: float = 0.8,
        colsample: float = 0.5,
        reg_lambda: float = 10.0,
        loss: LossName = "student_t",
        parsed_names: bool = True,
        implausible_odometers: bool = True,
        target_encoding: bool = True,
        additive_model: bool = True,
        token_curves: bool = True,
        trees: bool = True,
        monotone: bool = True,
        quantile_trees: bool = True,
        validation_fraction: float = 0.15,
        refit: bool = True,
        random_state: int = 2021,
    ) -> None:
        self.booster = booster
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_leaves = max_leaves
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample = colsample
        self.reg_lambda = reg_lambda
        self.loss = loss
        self.parsed_names = parsed_names
        self.implausible_odometers = implausible_odometers
        self.target_encoding = target_encoding
        self.additive_model = additive_model
        self.token_curves = token_curves
        self.trees = trees
        self.monotone = monotone
        self.quantile_trees = quantile_trees
        self.validation_fraction = validation_fraction
        self.refit = refit
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Fit the model.

        Args:
            X: Listings, shape (rows, columns).
            y: Asking prices in dollars, shape (rows,).

        Returns:
            The regressor itself.

        Raises:
            InvalidListingFrame: A value cannot be used, a year is missing, or there are fewer than `MIN_ROWS`
                rows.
        """
        rows = self._training_rows(X, y)
        fitted = fit_model(
            rows, settings=self._settings(), provenance=PROVENANCE, trained_at=datetime.now(UTC)
        )
        self.model_, self.n_iter_ = fitted.model, fitted.rounds
        self.metrics_ = dict(fitted.model.card.metrics)
        return self

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """Predict asking prices.

        Args:
            X: Listings, shape (rows, columns).

        Returns:
            Whole dollars, shape (rows,), dtype float64.
        """
        return self._quotes(X)["price"].cast(pl.Float64).to_numpy()

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:  # noqa: N803
        """Predict intervals that contain asking prices with a given probability.

        Args:
            X: Listings, shape (rows, columns).
            coverage: Share of asking prices that the intervals should contain, half of the rest on each side.

        Returns:
            Lower and upper end in whole dollars, shape (rows, 2), dtype float64.

        Raises:
            ValueError: `coverage` is not between 0 and 1.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage: expected a number between 0 and 1, found {coverage}.")
        return self.predict_quantiles(X, [(1 - coverage) / 2, (1 + coverage) / 2])

    def predict_quantiles(self, X: Any, q: float | Sequence[float]) -> Floats:  # noqa: N803
        """Predict quantiles of the asking price.

        Args:
            X: Listings, shape (rows, columns).
            q: One or several probabilities between 0 and 1.

        Returns:
            Whole dollars, shape (rows, probabilities); (rows,) for one probability; dtype float64. The median
            is the prediction.

        Raises:
            ValueError: A probability is not between 0 and 1.
        """
        levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"q: expected probabilities between 0 and 1, found {q}.")
        quantiles = self._fitted.quantiles(FrameCells(self._listings(X)), levels).astype(np.float64)
        return quantiles[:, 0] if np.ndim(q) == 0 else quantiles

    def explain(self, X: Any) -> pl.DataFrame:  # noqa: N803
        """Explain predictions by Shapley values of groups of fields.

        Args:
            X: Listings, shape (rows, columns).

        Returns:
            `start`, the price of the reference car, and the contribution of each group, in whole dollars;
            they add up to the prediction.
        """
        model, rows = self._fitted, []
        for listing in self._listings(X).to_dicts():
            explanation = explain_price(model, listing)
            parts = {part.group: part.amount for part in explanation.items}
            rows.append(
                {"start": explanation.start, **{group.name: parts.get(group.name, 0) for group in GROUPS}}
            )
        return pl.DataFrame(rows)

    def comparables(self, X: Any, limit: int = MAX_COMPARABLES) -> list[pl.DataFrame]:  # noqa: N803
        """Find the most similar training rows of the same make and model family.

        Args:
            X: Listings, shape (rows, columns).
            limit: Largest number of comparables of a listing.

        Returns:
            For each listing its comparables in order of increasing distance.
        """
        model = self._fitted
        listings = map(model.scored_listing, self._listings(X).to_dicts())
        return [pl.DataFrame(model.comparables.nearest(listing, limit=limit)) for listing in listings]

    def to_bundle(self, folder: str | Path) -> None:
        """Write the model as a bundle, which the price service and `carvalue score` can load.

        Args:
            folder: Folder of the bundle; an existing one is replaced.
        """
        self._fitted.save(Path(folder))

    @classmethod
    def from_bundle(cls, folder: str | Path) -> Self:
        """Read a bundle of any origin as a fitted regressor.

        Args:
            folder: Folder of the bundle.

        Returns:
            The regressor; its parameters are the defaults, because a bundle does not hold all of them.

        Raises:
            BundleCorrupt: A file of the bundle is missing or changed.
            BundleIncompatible: This program cannot read the bundle.
        """
        regressor = cls()
        regressor.model_ = PriceModel.load(Path(folder))
        regressor.metrics_ = dict(regressor.model_.card.metrics)
        regressor.n_iter_ = int(regressor.model_.card.params.get("rounds", 0))
        return regressor

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickling: the files of the model instead of its caches and native memory."""
        state: dict[str, Any] = dict(super().__getstate__())
        return state | ({"model_": state["model_"].as_files()} if "model_" in state else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state that `__getstate__` returned."""
        if "model_" in state:
            state = state | {"model_": PriceModel.from_files(state["model_"], folder=Path("pickle"))}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """Describe the inputs to scikit-learn: texts, missing values, no plain arrays."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.input_tags.two_d_array = False
        return tags

    @property
    def _fitted(self) -> PriceModel:
        check_is_fitted(self, "model_")
        model: PriceModel = self.model_
        return model

    def _listings(self, X: Any) -> pl.DataFrame:  # noqa: N803
        check_is_fitted(self, "model_")
        return as_listings(X)

    def _quotes(self, X: Any) -> pl.DataFrame:  # noqa: N803
        return self._fitted.quote_frame(self._listings(X))

    def _training_rows(self, X: Any, y: Any) -> pl.DataFrame:  # noqa: N803
        rows = as_listings(X)
        prices = as_prices(y, rows=rows.height)
        if rows.height < MIN_ROWS:
            raise InvalidListingFrame(f"X: expected at least {MIN_ROWS} rows, found {rows.height} sample(s).")
        missing = rows["year"].is_null().arg_true()
        if len(missing):
            raise InvalidListingFrame(f"year, row {int(missing[0])}: expected a model year, found nothing.")
        self.feature_names_in_ = np.array(list(getattr(X, "columns", rows.columns)), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return rows.with_columns(pl.Series("price", prices))

    def _settings(self) -> FitSettings:
        params = {
            "eta": self.learning_rate,
            "max_leaves": float(self.max_leaves),
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample,
            "reg_lambda": self.reg_lambda,
            "seed": float(self.random_state),
        }
        components = Components(
            parsed_names=self.parsed_names,
            implausible_odometers=self.implausible_odometers,
            target_encoding=self.target_encoding,
            additive_model=self.additive_model,
            token_curves=self.token_curves,
            trees=self.trees,
            loss=self.loss,
            monotone=self.monotone,
            quantile_trees=self.quantile_trees,
        )
        return FitSettings(
            booster=self.booster,
            params=params,
            rounds=self.n_estimators,
            components=components,
            validation_fraction=self.validation_fraction,
            refit=self.refit,
            seed=self.random_state,
        )


PROVENANCE = Provenance(
    data_source="file",
    source_description="a frame in memory",
    dataset_fingerprint="unknown",
    git_commit="unknown",
)
"""Origin that the card of a model from `CarPriceRegressor` names."""
