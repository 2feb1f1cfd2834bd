"""scikit-learn's own checks of an estimator, on listings made from their arrays."""

from typing import Any, Self

import numpy as np
import polars as pl
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from carvalue.pricing.estimator import CarPriceRegressor


class OnArrays(CarPriceRegressor):
    """Reads the columns of an array as years, mileages and model names; reads any target as prices."""

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        array = check_array(X, ensure_min_samples=2)
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        target = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype=np.float64)
        if len(target) != len(array):
            raise ValueError("X and y have different lengths")
        self.scale_ = 1 + np.abs(array).max(axis=0)
        super().fit(self._rows(array), 10_000 * np.exp(target / (1 + np.abs(target).max())))
        self.n_features_in_ = array.shape[1]
        del self.feature_names_in_  # arrays have none
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        check_is_fitted(self, "model_")
        array = check_array(X)
        if array.shape[1] != self.n_features_in_:
            name = type(self).__name__
            expected = f"{name} is expecting {self.n_features_in_} features as input"
            raise ValueError(f"X has {array.shape[1]} features, but {expected}")
        return super().predict(self._rows(array))

    def _rows(self, array: Any) -> pl.DataFrame:
        scaled = array.astype(np.float64) / self.scale_
        columns = {"year": (2000 + 15 * scaled[:, 0]).round()}
        if scaled.shape[1] > 1:
            columns["odometer"] = (100_000 + 90_000 * scaled[:, 1]).round()
        return pl.DataFrame(columns).with_columns(manufacturer=pl.lit("ford"), model=pl.lit("f-150"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.allow_nan = True, False
        tags.input_tags.string = tags.input_tags.categorical = False
        tags.regressor_tags.poor_score = True
        return tags


# No check is an exception. One difference stays: the regressor itself refuses plain arrays, whose columns
# have no names (`test_an_empty_frame_and_an_array_are_refused`); this class stands between.
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [OnArrays(n_estimators=2, additive_model=False, min_child_weight=1.0)]
)
@pytest.mark.filterwarnings("ignore")
def test_it_keeps_the_contract_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)
