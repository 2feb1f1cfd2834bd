"""Compare libraries on the same listings: `python -m benchmarks.comparison DATASET`.

DATASET is a folder with `train.parquet`, `validation.parquet` and `test.parquet` (unseen, later cars). Every
library is fitted on the training rows and stops at the smallest validation error; then it is fitted again on
both with the rounds found, and quotes the test rows, as the model itself. All see the same fields; the
libraries get the names as categories: make, family, first two words and the full name. The blend weighs the
predictions of all by their validation errors. `--autogluon SECONDS` adds AutoGluon's preset `best` where
`autogluon.tabular` is installed; `--every N` uses one in N cars of the training rows.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import xgboost as xgb
from benchmarks.results import save
from scipy.optimize import nnls

from carvalue.listings import CATEGORY_FIELDS, NAME_FIELDS
from carvalue.pricing.evaluation import price_scores
from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.noise_floor import noise_floor
from carvalue.pricing.features import car_name, normalize_word
from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.boosting import boost, matrices, price_growth
from carvalue.pricing.training.encoding import fit_training_encoder, in_memory
from carvalue.pricing.training.search import INITIAL_PARAMS

ROUNDS, PATIENCE, LEARNING_RATE = 3_000, 50, 0.075
MIN_ROWS = 5  # of a category; rarer ones count as missing
OURS, BASELINE = "carvalue", "median by make, family and year"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The splits as listings."""

    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame

    @property
    def both(self) -> pl.DataFrame:
        """Training and validation rows."""
        return pl.concat([self.train, self.validation])


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Log prices that a library predicts."""

    validation: Floats
    """Of the validation rows, after the first fit."""
    test: Floats
    """Of the test rows, after the second fit."""


Library = Callable[[Rows], Predictions]


def log_price(rows: pl.DataFrame) -> Floats:
    """Compute the target."""
    return np.log(rows["price"].cast(pl.Float64).to_numpy())


def table(rows: pl.DataFrame) -> pl.DataFrame:
    """Build the features of the libraries: numbers, and categories as normalized texts."""
    names = [car_name(*name) for name in rows.select(NAME_FIELDS).iter_rows()]
    texts = {
        "make": [name.make for name in names],
        "family": [f"{name.make} {name.family}" for name in names],
        "start": [" ".join((name.make, *name.text.split()[:2])) for name in names],
        "name": [f"{name.make} {name.text}" for name in names],
        **{field.name: [normalize_word(value) for value in rows[field.name]] for field in CATEGORY_FIELDS},
    }
    numbers = rows.select(pl.col("year", "odometer").cast(pl.Float64))
    return numbers.with_columns(
        pl.Series("litres", [name.litres for name in names]),
        *(pl.Series(name, values, dtype=pl.String) for name, values in texts.items()),
    )


@dataclass(frozen=True, kw_only=True)
class Features:
    """Encodes the features; the categories are those of the rows that it was fitted on."""

    categories: Mapping[str, pl.Enum]

    @classmethod
    def fit(cls, rows: pl.DataFrame) -> "Features":
        """List the categories that have enough rows."""
        found = {}
        for name, dtype in rows.schema.items():
            if dtype == pl.String:
                counts = rows[name].value_counts()
                kept = counts.filter((pl.col("count") >= MIN_ROWS) & (pl.col(name) != ""))
                found[name] = pl.Enum(kept[name].sort())
        return cls(categories=found)

    def encode(self, rows: pl.DataFrame) -> "object":
        """Return a pandas frame with categorical columns; a rare or unknown category is missing."""
        casts = [pl.col(name).cast(dtype, strict=False) for name, dtype in self.categories.items()]
        return rows.with_columns(casts).to_pandas()


def carvalue(rows: Rows) -> Predictions:
    """Fit the price model, with its own features and the parameters that its search starts from."""
    params = {**INITIAL_PARAMS, "eta": LEARNING_RATE}
    encoder = fit_training_encoder(in_memory(rows.train))
    held_out = encoder.encode_unseen(rows.validation)
    binned = matrices(train=encoder.encode_out_of_fold(rows.train), validation=held_out)
    growth = price_growth(params, monotone=encoder.encoder.monotone, rounds=1_200)
    fitted = boost(growth, *binned)
    first = fitted.booster.predict(xgb.DMatrix(held_out.matrix, base_margin=held_out.base_margin))
    encoder = fit_training_encoder(in_memory(rows.both))
    growth = price_growth(params, monotone=encoder.encoder.monotone, rounds=fitted.rounds)
    booster = boost(growth, *matrices(train=encoder.encode_out_of_fold(rows.both))).booster
    test = encoder.encode_unseen(rows.test)
    return Predictions(
        validation=first.astype(np.float64),
        test=booster.predict(xgb.DMatrix(test.matrix, base_margin=test.base_margin)).astype(np.float64),
    )


def lightgbm(rows: Rows) -> Predictions:
    """Fit LightGBM with its own categorical splits and the absolute error."""
    import lightgbm as lgb

    params = {
        "objective": "l1",
        "learning_rate": LEARNING_RATE,
        "num_leaves": 127,
        "feature_fraction_bynode": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "verbosity": -1,
    }
    train, validation, both, test = _tables(rows)
    early = Features.fit(train)
    data = lgb.Dataset(early.encode(train), log_price(rows.train))
    held_out = data.create_valid(early.encode(validation), log_price(rows.validation))
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    first = lgb.train(params, data, ROUNDS, valid_sets=[held_out], callbacks=[stop])
    late = Features.fit(both)
    second = lgb.train(params, lgb.Dataset(late.encode(both), log_price(rows.both)), first.best_iteration)
    return Predictions(
        validation=first.predict(early.encode(validation)), test=second.predict(late.encode(test))
    )


def xgboost(rows: Rows) -> Predictions:
    """Fit XGBoost with its own categorical splits and the absolute error."""
    params = {
        "objective": "reg:absoluteerror",
        "eta": LEARNING_RATE,
        "max_depth": 8,
        "min_child_weight": 5,
        "subsample": 0.8,
        "colsample_bynode": 0.5,
    }
    train, validation, both, test = _tables(rows)

    def matrix(frame: object, listings: pl.DataFrame) -> xgb.DMatrix:
        return xgb.DMatrix(frame, log_price(listings), enable_categorical=True)

    early = Features.fit(train)
    held_out = matrix(early.encode(validation), rows.validation)
    first = xgb.train(
        params,
        matrix(early.encode(train), rows.train),
        ROUNDS,
        evals=[(held_out, "validation")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )
    late = Features.fit(both)
    second = xgb.train(params, matrix(late.encode(both), rows.both), first.best_iteration + 1)
    return Predictions(
        validation=first[: first.best_iteration + 1].predict(held_out),
        test=second.predict(matrix(late.encode(test), rows.test)),
    )


def catboost(rows: Rows) -> Predictions:
    """Fit CatBoost with its ordered target statistics and the absolute error."""
    from catboost import CatBoostRegressor, Pool

    train, validation, both, test = _tables(rows)
    texts = [name for name, dtype in train.schema.items() if dtype == pl.String]
    settings = {
        "loss_function": "MAE",
        "learning_rate": 0.15,
        "depth": 7,
        "max_ctr_complexity": 2,
        "verbose": False,
        "allow_writing_files": False,
        "random_seed": 0,
    }

    def pool(frame: pl.DataFrame, listings: pl.DataFrame) -> Pool:
        return Pool(frame.to_pandas(), log_price(listings), cat_features=texts)

    first = CatBoostRegressor(**settings, iterations=1_000, od_type="Iter", od_wait=PATIENCE)
    first.fit(pool(train, rows.train), eval_set=pool(validation, rows.validation))
    second = CatBoostRegressor(**settings, iterations=first.tree_count_).fit(pool(both, rows.both))
    return Predictions(
        validation=first.predict(pool(validation, rows.validation)),
        test=second.predict(pool(test, rows.test)),
    )


def explainable_boosting(rows: Rows) -> Predictions:
    """Fit an explainable boosting machine; names with fewer than 100 rows count as missing."""
    from interpret.glassbox import ExplainableBoostingRegressor

    train, validation, both, test = _tables(rows)
    predicted = []
    for known, asked, target in ((train, validation, rows.train), (both, test, rows.both)):
        frames = [_frequent(frame, known) for frame in (known, asked)]
        model = ExplainableBoostingRegressor(
            interactions=20, outer_bags=2, max_rounds=2_000, n_jobs=1, random_state=0
        )
        model.fit(frames[0].to_pandas(), log_price(target))
        predicted.append(model.predict(frames[1].to_pandas()))
    return Predictions(validation=predicted[0], test=predicted[1])


def autogluon(rows: Rows, *, seconds: int) -> Predictions:
    """Fit AutoGluon's preset `best` for so many seconds, once for each set of rows."""
    from autogluon.tabular import TabularPredictor

    train, validation, both, test = _tables(rows)
    predicted = []
    for known, asked, target in ((train, validation, rows.train), (both, test, rows.both)):
        data = known.with_columns(target=pl.Series(log_price(target))).to_pandas()
        predictor = TabularPredictor(label="target", eval_metric="mean_absolute_error", verbosity=1)
        predictor.fit(data, presets="best", time_limit=seconds, num_gpus=0)
        predicted.append(predictor.predict(asked.to_pandas()).to_numpy())
    return Predictions(validation=predicted[0], test=predicted[1])


LIBRARIES: Mapping[str, Library] = {
    OURS: carvalue,
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "CatBoost": catboost,
    "explainable boosting machine": explainable_boosting,
}
"""Name of a library -> function that fits it."""


def _tables(rows: Rows) -> tuple[pl.DataFrame, ...]:
    return tuple(table(part) for part in (rows.train, rows.validation, rows.both, rows.test))


def _frequent(frame: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Replace categories that are rare among the known rows by an empty one."""
    changed = []
    for name, dtype in frame.schema.items():
        if dtype == pl.String:
            counts = known[name].value_counts().filter(pl.col("count") >= 100)
            changed.append(
                pl.when(pl.col(name).is_in(counts[name].implode()))
                .then(name)
                .otherwise(pl.lit(""))
                .alias(name)
            )
    return frame.with_columns(changed)


def main() -> None:
    """Fit each library, print a row for each, and write `results/comparison.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--autogluon", type=int, metavar="SECONDS")
    parser.add_argument("--only", nargs="*", choices=LIBRARIES)
    options = parser.parse_args()
    rows = read(options.dataset, every=options.every)
    libraries = {name: fit for name, fit in LIBRARIES.items() if not options.only or name in options.only}
    if options.autogluon:
        libraries["AutoGluon, preset best"] = lambda known: autogluon(known, seconds=options.autogluon)
    shown = [row(BASELINE, np.log(median_quotes(train=rows.both, frame=rows.test)), rows)]
    predicted: dict[str, Predictions] = {}
    for name, fit in libraries.items():
        began = time.process_time()
        predicted[name] = fit(rows)
        shown.append(row(name, predicted[name].test, rows, cpu=time.process_time() - began))
    blended, weights = blend(predicted, rows)
    shown.append(row("blend of all", blended, rows))
    quoted = rows.test.with_columns(
        quoted=pl.Series(np.exp(predicted.get(OURS, next(iter(predicted.values()))).test))
    )
    values = {
        "training and validation rows": rows.both.height,
        "test rows": rows.test.height,
        "unseen cars": shown,
        "weights of the blend": [{name: f"{weight:.2f}" for name, weight in weights.items()}],
        "noise floor": floor_row(rows, quoted),
    }
    if not options.only:
        command = f"python -m benchmarks.comparison DATASET --every {options.every}"
        save("comparison", values, command=command, model="each library fitted by the command")


def read(dataset: Path, *, every: int) -> Rows:
    """Read the splits, with one in so many cars of the training and validation rows."""
    parts = [pl.read_parquet(dataset / f"{name}.parquet") for name in ("train", "validation", "test")]
    chosen = [part.filter(pl.col("car").cast(pl.UInt64) % every == 0) for part in parts[:2]]
    return Rows(train=chosen[0], validation=chosen[1], test=parts[2])


def blend(predicted: Mapping[str, Predictions], rows: Rows) -> tuple[Floats, dict[str, float]]:
    """Weigh the predictions by non-negative least squares on the validation rows, and blend the test rows."""
    target = log_price(rows.validation)
    columns = np.stack([item.validation for item in predicted.values()], axis=1)
    center = float(target.mean())
    # errors far out are capped, so that mistyped prices do not decide the weights
    near = np.abs(columns.mean(axis=1) - target) < 0.5
    weights = nnls(columns[near] - center, target[near] - center)[0]
    weights = weights / weights.sum()
    blended = np.stack([item.test for item in predicted.values()], axis=1) @ weights
    return blended, dict(zip(predicted, weights.tolist(), strict=True))


def floor_row(rows: Rows, quoted: pl.DataFrame) -> list[dict[str, str]]:
    """Return the noise floor of the test cars that have a twin among the other rows."""
    floor = noise_floor(rows.both, quoted)
    if floor is None:
        return []
    shares = {name: f"{getattr(floor, name):.1%}" for name in ("gap", "lower", "upper", "error")}
    print({"twins": floor.twins, **shares}, flush=True)
    return [{"twins": f"{floor.twins:,}", **shares}]


def row(name: str, predicted: Floats, rows: Rows, *, cpu: float | None = None) -> dict[str, str]:
    """Score predictions of the test rows, and print the row."""
    asking = rows.test["price"].cast(pl.Float64).to_numpy()
    scores = price_scores(asking=asking, quoted=np.exp(predicted))
    values = {
        "model": name,
        "median error": f"{scores['mdape']:.2%}",
        "mean error": f"${scores['mae']:,.0f}",
        **{f"within {percent} %": f"{scores[f'within_{percent}']:.1%}" for percent in (5, 10, 20)},
        "CPU s": "" if cpu is None else f"{cpu:,.0f}",
    }
    print(*values.values(), sep="\t", flush=True)
    return values


if __name__ == "__main__":
    main()
