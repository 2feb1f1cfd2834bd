"""The regressor on frames: predictions, intervals, explanations, bundles, bad input."""

import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from carvalue.pricing import CarPriceRegressor, GroupedTimeSplit, PriceModel
from carvalue.pricing.estimator import InvalidListingFrame, as_listings
from markets import a_listing, a_market

MARKET = a_market(rows=600)
PRICES = MARKET["price"]
LATER = a_market(rows=200, seed=5)


def small(**params: Any) -> CarPriceRegressor:
    return CarPriceRegressor(**{"n_estimators": 20, "max_leaves": 15, "learning_rate": 0.3} | params)


@pytest.fixture(scope="module")
def fitted() -> CarPriceRegressor:
    return small().fit(MARKET.drop("price"), PRICES)


def test_it_predicts_a_market(fitted: CarPriceRegressor) -> None:
    predicted = fitted.predict(LATER)

    assert np.median(np.abs(predicted / LATER["price"].to_numpy() - 1)) < 0.12
    assert fitted.score(LATER, LATER["price"]) > 0.8


def test_intervals_hold_what_they_promise(fitted: CarPriceRegressor) -> None:
    asking = LATER["price"].to_numpy()
    for coverage in (0.5, 0.9):
        low, high = fitted.predict_interval(LATER, coverage=coverage).T

        assert np.mean((low <= asking) & (asking <= high)) == pytest.approx(coverage, abs=0.15)
    quantiles = fitted.predict_quantiles(LATER, [0.1, 0.5, 0.9])
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert fitted.predict_quantiles(LATER, 0.5).tolist() == quantiles[:, 1].tolist()


def test_the_interval_of_nine_in_ten_is_that_of_the_quote(fitted: CarPriceRegressor) -> None:
    quotes = fitted.model_.quote_frame(as_listings(LATER))

    ends = fitted.predict_interval(LATER, coverage=0.9)

    assert ends.tolist() == quotes.select("low", "high").to_numpy().tolist()
    assert fitted.predict_quantiles(LATER, 0.5).tolist() == fitted.predict(LATER).tolist()


def test_contributions_add_up_to_the_prediction(fitted: CarPriceRegressor) -> None:
    explained = fitted.explain(LATER[:20])

    assert explained.sum_horizontal().to_list() == fitted.predict(LATER[:20]).tolist()


def test_a_bundle_a_pickle_and_pandas_give_the_same_predictions(
    fitted: CarPriceRegressor, tmp_path: Path
) -> None:
    fitted.to_bundle(tmp_path / "bundle")
    expected = fitted.predict(LATER).tolist()

    assert CarPriceRegressor.from_bundle(tmp_path / "bundle").predict(LATER).tolist() == expected
    assert pickle.loads(pickle.dumps(fitted)).predict(LATER).tolist() == expected  # noqa: S301
    assert fitted.predict(LATER.to_pandas()).tolist() == expected
    assert fitted.predict(LATER.to_dicts()).tolist() == expected
    assert PriceModel.load(tmp_path / "bundle").quote(a_listing()).price == fitted.predict(a_listing())[0]
    assert not fitted.comparables(a_listing(), limit=3)[0].is_empty()


def test_cross_validation_by_time_and_car() -> None:
    scores = cross_val_score(
        small(refit=False), MARKET.drop("price"), PRICES, cv=GroupedTimeSplit(n_splits=2)
    )

    assert (scores > 0.5).all()
    for train, test in GroupedTimeSplit(n_splits=2).split(MARKET):
        assert MARKET["posted_at"][train].max() < MARKET["posted_at"][test].min()
        assert set(MARKET["car"][train]).isdisjoint(MARKET["car"][test])


def test_lightgbm_trees_predict_as_lightgbm_does() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from carvalue.pricing.training.libraries import nested_from_lightgbm
    from carvalue.pricing.trees import FlatTrees

    random = np.random.default_rng(1)
    rows = random.normal(size=(400, 3)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    target = np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]) ** 2
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(rows, target), 20)
    trees = [nested_from_lightgbm(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]

    flat = FlatTrees.from_nested(trees).predict(rows, base_margin=np.zeros(400, dtype=np.float32))

    assert flat == pytest.approx(booster.predict(rows), abs=1e-4)


def test_catboost_trees_predict_as_catboost_does() -> None:
    catboost = pytest.importorskip("catboost")
    from carvalue.pricing.training.libraries import nested_trees
    from carvalue.pricing.trees import FlatTrees

    random = np.random.default_rng(1)
    rows = random.normal(size=(400, 3)).astype(np.float32).round(1)  # values on the borders
    rows[random.random(rows.shape) < 0.1] = np.nan
    rows[:, 2] = np.nan_to_num(rows[:, 2])  # missing in predictions only
    target = np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]) ** 2 + rows[:, 2]
    start = np.linspace(-1, 1, 400, dtype=np.float32)
    options = {"iterations": 20, "thread_count": 1, "verbose": False, "allow_writing_files": False}
    model = catboost.CatBoost({**options, "loss_function": "RMSE"})
    model.fit(catboost.Pool(rows, target, baseline=start))
    rows[:50, 2] = np.nan

    flat = FlatTrees.from_nested(nested_trees(model)).predict(rows, base_margin=start)

    assert flat == pytest.approx(model.predict(rows) + start, abs=1e-5)


def test_catboost_fits_the_loss_and_keeps_the_constraints() -> None:
    pytest.importorskip("catboost")
    from carvalue.pricing.training.boosting import EncodedRows
    from carvalue.pricing.training.libraries import BoostingSettings, fit_trees

    random = np.random.default_rng(2)
    rows = random.normal(size=(2_000, 2)).astype(np.float32)
    start = random.normal(size=2_000).astype(np.float32)
    price = start + np.sin(3 * rows[:, 0]) + random.standard_t(2, 2_000) * 0.1
    encoded = EncodedRows(matrix=np.column_stack([rows, start]), log_price=price)
    params = {"eta": 1.0, "max_leaves": 2, "reg_lambda": 0.5, "subsample": 1.0, "colsample_bynode": 1.0}
    settings = BoostingSettings(params={**params, "seed": 1}, monotone=(0, 0, 0), rounds=1, loss="student_t")
    rising = replace(settings, params={**settings.params, "max_leaves": 32}, monotone=(1, 0, 0), rounds=30)

    trees = fit_trees("catboost", settings, train=encoded).flat_trees
    added = trees.predict(encoded.matrix, base_margin=np.zeros(2_000, dtype=np.float32))
    gradient, curvature = settings.derivatives(start.astype(np.float64), price)

    for leaf in np.unique(added):
        own = added == leaf  # a Newton step of the loss from the additive model's price
        assert leaf == pytest.approx(-gradient[own].sum() / (curvature[own].sum() + 0.5), rel=1e-4)
    grid = np.zeros((500, 3), dtype=np.float32)
    grid[:, 0] = np.linspace(-3, 3, 500)
    trees = fit_trees("catboost", rising, train=encoded).flat_trees
    assert (np.diff(trees.predict(grid, base_margin=grid[:, 2])) >= 0).all()


@pytest.mark.parametrize(
    "params",
    [
        {"booster": "lightgbm"},
        {"booster": "catboost"},
        {"booster": "catboost", "monotone": False, "loss": "squared", "refit": False},
        {"trees": False},
        {"additive_model": False, "target_encoding": False},
        {"parsed_names": False},
        {"parsed_names": False, "additive_model": False},
        {"implausible_odometers": False},
        {"token_curves": False, "loss": "huber"},
        {"monotone": False, "loss": "squared", "refit": False},
    ],
    ids=str,
)
def test_components_and_boosters_are_parameters(params: dict[str, Any], tmp_path: Path) -> None:
    if params.get("booster"):
        pytest.importorskip(params["booster"])
    regressor = clone(small(**params)).fit(MARKET.drop("price"), PRICES)

    assert regressor.get_params() == small(**params).get_params()
    assert np.median(np.abs(regressor.predict(LATER) / LATER["price"].to_numpy() - 1)) < 0.3
    regressor.to_bundle(tmp_path / "bundle")
    again = CarPriceRegressor.from_bundle(tmp_path / "bundle")
    assert again.predict(LATER).tolist() == regressor.predict(LATER).tolist()


def test_names_that_are_not_parsed_are_told_apart_by_their_spelling() -> None:
    spelled = [{"manufacturer": "ford", "model": model, "year": 2015} for model in ("f-150 xlt", "F150 XLT")]

    def differ(**params: Any) -> bool:
        first, second = small(**params).fit(MARKET.drop("price"), PRICES).predict(spelled)
        return bool(first != second)

    assert not differ()
    assert differ(parsed_names=False)


def test_implausible_odometers_can_be_taken_as_typed() -> None:
    car = {**a_listing(), "year": 2010, "odometer": 100}
    flagged = small().fit(MARKET.drop("price"), PRICES).model_
    typed = small(implausible_odometers=False).fit(MARKET.drop("price"), PRICES).model_

    assert "odometer_implausible" in flagged.quote(car).kinds
    assert "odometer_implausible" not in typed.quote(car).kinds
    assert typed.scored_listing(car) == car
    assert typed.quote(car).price > typed.quote({**car, "odometer": 90_000}).price


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"year": [1850] * 20}, "year, row 0: expected a whole number from 1985 to 2030, found '1850'"),
        (
            {"odometer": ["80x"] * 20},
            "odometer, row 0: expected a whole number from 0 to 400000 miles, found '80x'",
        ),
        ({"condition": ["superb"] * 20}, "condition, row 0: expected one of new, like new"),
        ({"model": [3] * 20}, "model: expected texts, found values of type Int64"),
        ({"year": [None] * 20}, "year, row 0: expected a model year, found nothing"),
        (
            dict.fromkeys(MARKET.drop("price").columns, [None] * 20),
            "year, row 0: expected a model year, found nothing",
        ),
    ],
)
def test_bad_input_names_column_value_and_expectation(changes: dict[str, Any], message: str) -> None:
    rows = MARKET.drop("price")[:20].with_columns(pl.Series(name, cells) for name, cells in changes.items())

    with pytest.raises(InvalidListingFrame) as caught:
        small().fit(rows, PRICES[:20])

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ([*PRICES[:19].to_list(), -5.0], "y, row 19: expected a price above 0 dollars, found -5.0"),
        (["cheap"] * 20, "y: expected dollars"),
        (PRICES[:7], "y: expected 20 prices in one dimension, found shape (7,)"),
    ],
)
def test_bad_prices_are_named(prices: Any, message: str) -> None:
    with pytest.raises(InvalidListingFrame) as caught:
        small().fit(MARKET.drop("price")[:20], prices)

    assert message in str(caught.value)


def test_an_empty_frame_and_an_array_are_refused() -> None:
    with pytest.raises(InvalidListingFrame, match="at least 10 rows, found 0"):
        small().fit(MARKET.drop("price").clear(), PRICES.clear())
    with pytest.raises(InvalidListingFrame, match=r"expected a polars or pandas frame"):
        small().fit(np.zeros((20, 3)), PRICES[:20])


def test_an_empty_frame_has_no_predictions(fitted: CarPriceRegressor) -> None:
    nothing = MARKET.drop("price").clear()

    assert fitted.predict(nothing).shape == (0,)
    assert fitted.predict_interval(nothing).shape == (0, 2)
    assert fitted.predict_quantiles(nothing, [0.1, 0.5, 0.9]).shape == (0, 3)
    assert fitted.explain(nothing).height == 0
    assert fitted.comparables(nothing) == []


def test_columns_without_any_value_are_predicted_as_missing_ones(fitted: CarPriceRegressor) -> None:
    empty = pl.DataFrame({name: [None, None] for name in MARKET.drop("price").columns})

    assert fitted.predict(empty).tolist() == fitted.predict(pl.DataFrame({"fuel": ["", ""]})).tolist()
    low, high = fitted.predict_interval(empty).T
    assert (low < high).all()


def test_unknown_columns_warn_once() -> None:
    rows = LATER.with_columns(horsepower=pl.lit(1))

    with pytest.warns(UserWarning, match="horsepower are not used"):
        as_listings(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_listings(rows)


@pytest.mark.parametrize("kept", [["year"], ["year", "model"], ["year", "odometer", "fuel"]], ids=str)
def test_missing_columns_single_values_and_a_constant_target_give_a_valid_model(kept: list[str]) -> None:
    rows = MARKET.select(kept)[:60].with_columns(fuel=pl.lit("gas"))
    regressor = small(n_estimators=3).fit(rows, np.full(60, 9_000.0))

    assert regressor.predict(rows).tolist() == pytest.approx([9_000.0] * 60, rel=0.01)
    low, high = regressor.predict_interval(rows).T
    assert (low <= high).all()


def test_prices_beyond_the_market_s_are_not_cut_off() -> None:
    rows = MARKET[:200]
    in_cents = small().fit(rows.drop("price"), rows["price"] * 100)

    ends = in_cents.predict_interval(rows[:50])

    assert in_cents.model_.intervals.limits is None
    assert (ends[:, 0] < in_cents.predict(rows[:50])).all()
    assert (in_cents.predict(rows[:50]) < ends[:, 1]).all()
