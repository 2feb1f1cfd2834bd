"""Compare 90 % intervals with those of libraries: `python -m benchmarks.intervals DATASET BUNDLE`.

DATASET is a folder with `train.parquet`, `validation.parquet` and `test.parquet`, BUNDLE the evaluated model,
which has not seen the test rows. Half of the test cars calibrate the intervals that the other half is scored
with, and the other way round. All intervals are about the prices of the same model, except those of the
quantile trees, and all are cut off at the limits of the market. `--every N` fits the quantile trees on one
in N cars of the training rows.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import polars as pl
from benchmarks.results import describe_model, save
from crepes import ConformalRegressor
from crepes.extras import DifficultyEstimator, binning
from mapie.regression import ConformalizedQuantileRegressor
from sklearn.base import BaseEstimator, RegressorMixin

from carvalue.listings import PRICE
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import range_scores, winkler_score
from carvalue.pricing.intervals import NOMINAL_COVERAGE, Floats
from carvalue.pricing.training.assembly import calibrated
from carvalue.pricing.training.boosting import EncodedRows
from carvalue.pricing.training.encoding import encode_unseen, fit_training_encoder, in_memory

LOWER, UPPER = (1 - NOMINAL_COVERAGE) / 2, (1 + NOMINAL_COVERAGE) / 2
ROUNDS, PATIENCE = 600, 30
TREES = {"learning_rate": 0.1, "num_leaves": 63, "min_data_in_leaf": 50, "feature_fraction": 0.5}
POINT, LOW, HIGH = range(3)

Rows = npt.NDArray[np.bool_]
Ends = tuple[Floats, Floats]


class Column(RegressorMixin, BaseEstimator):
    """A fitted regressor that returns one column of its input, which holds predictions."""

    def __init__(self, column: int = POINT) -> None:
        self.column = column

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True

    def fit(self, X: Floats, y: Floats) -> "Column":  # noqa: ARG002, N803
        """Do nothing."""
        return self

    def predict(self, X: Floats) -> Floats:  # noqa: N803
        """Return the column."""
        column: Floats = np.asarray(X)[:, self.column]
        return column


@dataclass(frozen=True, kw_only=True)
class Test:
    """The test rows, and what models say about them, in log dollars.

    Attributes:
        model: The evaluated model.
        listings: The test rows.
        asking: Log asking prices.
        matrix: Features of the model.
        predicted: Columns `POINT` of the model, `LOW` and `HIGH` of the quantile trees.
    """

    model: PriceModel
    listings: pl.DataFrame
    asking: Floats
    matrix: Floats
    predicted: Floats


def ours(test: Test, calibration: Rows, scored: Rows) -> Ends:
    """Calibrate the model as `refit` does."""
    model = calibrated(test.model, in_memory(test.listings.filter(calibration)))
    quotes = model.quote_frame(test.listings.filter(scored)).select(pl.col("low", "high").log())
    return quotes["low"].to_numpy(), quotes["high"].to_numpy()


def without_quantile_trees(test: Test, calibration: Rows, scored: Rows) -> Ends:
    """Calibrate the model with its difficulty factors only."""
    return ours(replace(test, model=replace(test.model, quantile_trees=None)), calibration, scored)


def mapie(test: Test, calibration: Rows, scored: Rows) -> Ends:
    """Conformalize the quantile trees (CQR, Romano et al. 2019) with MAPIE."""
    regressor = ConformalizedQuantileRegressor(
        [Column(LOW), Column(HIGH), Column(POINT)], confidence_level=NOMINAL_COVERAGE, prefit=True
    )
    regressor.conformalize(test.predicted[calibration], test.asking[calibration])
    _, ends = regressor.predict_interval(test.predicted[scored])
    return ends[:, 0, 0], ends[:, 1, 0]


def crepes(test: Test, calibration: Rows, scored: Rows) -> Ends:
    """Fit crepes' Mondrian regressor: ten bins of the price, difficulty by the 25 nearest neighbours.

    The difficulty is learned from every second calibration row, the intervals are calibrated on the others.
    """
    rows = np.flatnonzero(calibration)
    known, rows = rows[::2], rows[1::2]
    point = test.predicted[:, POINT]
    residuals = test.asking - point
    difficulty = DifficultyEstimator()
    difficulty.fit(X=np.nan_to_num(test.matrix[known]), residuals=residuals[known], scaler=True)
    sigmas = difficulty.apply(np.nan_to_num(test.matrix))
    bins, edges = binning(point[rows], bins=10, seed=0)
    regressor = ConformalRegressor()
    regressor.fit(residuals[rows], sigmas=sigmas[rows], bins=bins)
    ends = regressor.predict_int(
        point[scored],
        sigmas=sigmas[scored],
        bins=binning(point[scored], bins=edges),
        confidence=NOMINAL_COVERAGE,
    )
    return ends[:, 0], ends[:, 1]


def quantile_trees(test: Test, calibration: Rows, scored: Rows) -> Ends:  # noqa: ARG001
    """Take the quantile trees as they are, without a calibration."""
    return test.predicted[scored, LOW], test.predicted[scored, HIGH]


METHODS: Mapping[str, Callable[[Test, Rows, Rows], Ends]] = {
    "carvalue": ours,
    "carvalue, without its quantile trees": without_quantile_trees,
    "MAPIE, conformalized quantile regression": mapie,
    "crepes, Mondrian with nearest neighbours": crepes,
    "LightGBM, quantile trees": quantile_trees,
}


def main() -> None:
    """Score each method, print its row, and write `results/intervals.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    test = predict(options.dataset, PriceModel.load(options.bundle), every=options.every)
    rows = [score(name, method, test) for name, method in METHODS.items()]
    save(
        "intervals",
        {"90 % intervals of the test rows": rows},
        command=f"python -m benchmarks.intervals DATASET BUNDLE --every {options.every}",
        model=describe_model(options.bundle),
    )


def predict(dataset: Path, model: PriceModel, *, every: int) -> Test:
    """Fit the quantile trees on the training rows, and predict the test rows with them and with the model."""
    train, validation, listings = (
        pl.read_parquet(dataset / f"{name}.parquet") for name in ("train", "validation", "test")
    )
    train = train.filter(pl.col("car") % every == 0)
    encoded = encode_unseen(model.encoder, listings, newest_year=model.known_categories.newest_year)
    quantiles = fit_quantile_trees(train, validation, listings)
    return Test(
        model=model,
        listings=listings,
        asking=encoded.log_price,
        matrix=encoded.matrix,
        predicted=np.column_stack([model.log_prices(encoded.matrix), *quantiles]),
    )


def fit_quantile_trees(train: pl.DataFrame, validation: pl.DataFrame, test: pl.DataFrame) -> Iterator[Floats]:
    """Yield the test rows' lower and upper quantile by trees on the features of the model.

    As with the model, the validation rows stop the first fit; the second one has as many rounds, and has both
    sets.
    """
    first = fit_training_encoder(in_memory(train))
    data = lightgbm_rows(first.encode_out_of_fold(train))
    held_out = lightgbm_rows(first.encode_unseen(validation), reference=data)
    both = pl.concat([train, validation])
    second = fit_training_encoder(in_memory(both))
    all_data, asked = lightgbm_rows(second.encode_out_of_fold(both)), second.encode_unseen(test)
    for level in (LOWER, UPPER):
        params = {"objective": "quantile", "alpha": level, "num_threads": 1, "verbosity": -1, **TREES}
        stop = lgb.early_stopping(PATIENCE, verbose=False)
        rounds = lgb.train(params, data, ROUNDS, valid_sets=[held_out], callbacks=[stop]).best_iteration
        trees = lgb.train(params, all_data, rounds)
        yield np.asarray(trees.predict(asked.matrix), dtype=np.float64)


def lightgbm_rows(rows: EncodedRows, *, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    """Convert encoded rows for LightGBM; validation rows need the training rows as reference."""
    return lgb.Dataset(rows.matrix, rows.log_price, reference=reference)


def score(name: str, method: Callable[[Test, Rows, Rows], Ends], test: Test) -> dict[str, str]:
    """Calibrate on each half of the cars, score the other half, and print a row of the table."""
    is_first = (test.listings["car"].hash(0) % 2 == 0).to_numpy()
    ends = np.empty((len(is_first), 2))
    for scored in (is_first, ~is_first):
        ends[scored] = np.column_stack(method(test, ~scored, scored))
    low, high = np.exp(ends).clip(PRICE.minimum, PRICE.maximum).T
    asking, quoted = np.exp(test.asking), np.exp(test.predicted[:, POINT])
    scores = range_scores(asking=asking, quoted=quoted, low=low, high=high)
    log_score = winkler_score(asking=test.asking, low=np.log(low), high=np.log(high))
    values = {
        "intervals": name,
        "coverage": f"{scores['coverage']:.1%}",
        "mean width": f"{scores['width']:.1%}",
        "median width": f"{scores['median_width']:.1%}",
        "Winkler score": f"${winkler_score(asking=asking, low=low, high=high):,.0f}",
        "Winkler score of log prices": f"{log_score:.3f}",
    }
    print(values, flush=True)
    return values


if __name__ == "__main__":
    main()
