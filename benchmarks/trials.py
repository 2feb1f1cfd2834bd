"""Try changes of the price model: `python -m benchmarks.trials LISTINGS EVERY`.

LISTINGS is the clean table (`listings.parquet`); one in EVERY cars is used. At each of two origins in time,
every variant is fitted on the listings before it, with fixed parameters and rounds, and quotes the cars that
are advertised for the first time after it. A change is worth adopting if it is better at both origins.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import xgboost as xgb
from benchmarks.results import save
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, cross_val_predict

from carvalue.listings import NAME_FIELDS
from carvalue.pricing.additive.fitting import columns, robust_ridge
from carvalue.pricing.evaluation import price_scores
from carvalue.pricing.features import car_name
from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.boosting import DEGREES_OF_FREEDOM, ROBUST_SCALE, EncodedRows, native_params
from carvalue.pricing.training.encoding import fit, fit_training_encoder, in_memory, training_rows
from carvalue.pricing.training.search import INITIAL_PARAMS

ORIGINS = ((0.55, 0.70), (0.70, 0.85))
"""Shares of the listings by time: the origin, and the end of the listings that are quoted."""
ROUNDS, LEARNING_RATE = 400, 0.1

Weights = Callable[[pl.DataFrame], Floats]
Scale = Callable[[EncodedRows], Floats]
Patch = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Listings before an origin, and cars that appear after it."""

    share: float
    history: pl.DataFrame
    later: pl.DataFrame

    @property
    def asking(self) -> Floats:
        """Asking prices of the later cars."""
        return self.later["price"].cast(pl.Float64).to_numpy()


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Rows of an origin as the trees take them."""

    monotone: tuple[int, ...]
    history: EncodedRows
    later: EncodedRows


def equal(rows: pl.DataFrame) -> Floats:
    """Weigh each listing alike."""
    return np.ones(rows.height)


def by_car(rows: pl.DataFrame, *, power: float) -> Floats:
    """Weigh the n listings of a car by n to a power each."""
    listings: Floats = rows.select(pl.len().over("car").cast(pl.Float64)).to_series().to_numpy()
    return listings**power


def recent(rows: pl.DataFrame, *, half_life: float) -> Floats:
    """Halve the weight of a listing for each half-life, in days, before the newest."""
    age: Floats = (rows["posted_at"].max() - rows["posted_at"]).dt.total_seconds().to_numpy() / 86_400
    return 0.5 ** (age / half_life)


def one_scale(rows: EncodedRows, *, scale: float = ROBUST_SCALE) -> Floats:
    """Use the same scale of the loss for each listing."""
    return np.full(len(rows.log_price), scale)


def scale_by_segment(rows: EncodedRows, *, segments: int) -> Floats:
    """Scale the loss of each segment of the additive model's price by the median residual of the segment."""
    residuals = np.abs(rows.log_price - rows.base_margin)
    edges = np.quantile(rows.base_margin, np.linspace(0, 1, segments + 1)[1:-1])
    segment = np.digitize(rows.base_margin, edges)
    medians = np.array([np.median(residuals[segment == number]) for number in range(segments)])
    return ROBUST_SCALE * medians[segment] / np.median(residuals)


@dataclass(frozen=True, kw_only=True)
class TreeFit:
    """How the trees are fitted; the default is the model's way."""

    weights: Weights = equal
    scale: Scale = one_scale
    freedom: float = DEGREES_OF_FREEDOM
    params: Mapping[str, float] = field(default_factory=dict)
    seeds: Sequence[int] = (2021,)
    rounds: int = ROUNDS
    free_rounds: int = 0
    """Rounds of a first stage, whose trees do not see the constrained columns: the sum stays monotone."""


def fit_trees(encoded: Encoded, history: pl.DataFrame, how: TreeFit) -> Floats:
    """Fit trees, one set for each seed, and predict the later cars by their mean, in log dollars."""
    weights = how.weights(history)
    weights = weights / weights.mean()
    rows = encoded.history
    scale = how.scale(rows)

    def loss(margin: Floats, _rows: xgb.DMatrix) -> tuple[Floats, Floats]:
        error = margin - rows.log_price
        weight = weights / (1 + (error / scale) ** 2 / how.freedom)
        return error * weight, weight

    predicted = []
    for seed in how.seeds:
        params = {**INITIAL_PARAMS, "eta": LEARNING_RATE, "seed": seed, **how.params}
        native = native_params(params, monotone=encoded.monotone)
        margins = [rows.base_margin, encoded.later.base_margin]
        free = np.array(encoded.monotone) == 0
        for rounds, used in ((how.free_rounds, free), (how.rounds, np.ones_like(free))):
            matrices = [np.where(used, side.matrix, np.float32(0)) for side in (rows, encoded.later)]
            binned = xgb.QuantileDMatrix(matrices[0], rows.log_price, base_margin=margins[0])
            booster = xgb.train(native, binned, num_boost_round=rounds, obj=loss)
            margins = [
                booster.predict(xgb.DMatrix(matrix, base_margin=margin))
                for matrix, margin in zip(matrices, margins, strict=True)
            ]
        predicted.append(margins[1].astype(np.float64))
    mean: Floats = np.mean(predicted, axis=0)
    return mean


def encode(origin: Origin) -> Encoded:
    """Fit the features, and encode both sets of rows."""
    encoder = fit_training_encoder(in_memory(origin.history))
    return Encoded(
        monotone=encoder.encoder.monotone,
        history=encoder.encode_out_of_fold(origin.history),
        later=encoder.encode_unseen(origin.later),
    )


def with_embeddings(origin: Origin, encoded: Encoded) -> Encoded:
    """Add an embedding of the name as features of the trees."""
    return with_columns(encoded, *embed_names(origin))


def with_additive_embeddings(origin: Origin, encoded: Encoded) -> Encoded:
    """Add a ridge regression of the additive model's residuals on embeddings of the name to its price.

    Of listings before the origin, the regression is fitted without their fold of cars.
    """
    known, later = embed_names(origin)
    residuals = (encoded.history.log_price - encoded.history.base_margin).clip(-0.4, 0.4)
    ridge, cars = Ridge(alpha=20.0), origin.history["car"].to_numpy()
    added = (
        cross_val_predict(ridge, known, residuals, groups=cars, cv=GroupKFold(5)),
        ridge.fit(known, residuals).predict(later),
    )
    sides = []
    for rows, values in zip((encoded.history, encoded.later), added, strict=True):
        price = (rows.base_margin + values).astype(np.float32)
        sides.append(replace(rows, matrix=np.column_stack([rows.matrix[:, :-1], price])))
    return replace(encoded, history=sides[0], later=sides[1])


def embed_names(origin: Origin) -> tuple[Floats, Floats]:
    """Compute the first 16 singular vectors of the names by tokens (tf-idf), before and after the origin."""
    texts = [
        [" ".join((name.make, name.text)) for name in map(car_name, *frame.select(NAME_FIELDS))]
        for frame in (origin.history, origin.later)
    ]
    tokens = TfidfVectorizer(analyzer=str.split, min_df=10)
    known = tokens.fit_transform(texts[0])
    svd = TruncatedSVD(n_components=16, random_state=0).fit(known)
    return svd.transform(known), svd.transform(tokens.transform(texts[1]))


def with_neighbours(origin: Origin, encoded: Encoded) -> Encoded:
    """Add what the additive model leaves of the nearest other cars of the same family, and their number.

    Cars are near in year, in the log of the miles and if their names are the same; the residuals of a car's
    own listings are left out.
    """
    history, later = (place(frame) for frame in (origin.history, origin.later))
    residuals = (encoded.history.log_price - encoded.history.base_margin).clip(-0.4, 0.4)
    found = []
    for rows in (history, later):
        values = np.zeros((rows.height, 2), dtype=np.float32)
        known = history.with_columns(residual=residuals).partition_by("family", as_dict=True)
        for key, part in rows.with_row_index("row").partition_by("family", as_dict=True).items():
            if key in known:
                values[part["row"].to_numpy()] = nearest(part, known[key])
        found.append(values)
    return with_columns(encoded, *found)


def place(frame: pl.DataFrame) -> pl.DataFrame:
    """Place each listing among others: family, name, year and log of the miles."""
    names = [car_name(*name) for name in frame.select(NAME_FIELDS).iter_rows()]
    return pl.DataFrame(
        {
            "family": [f"{name.make} {name.family}" for name in names],
            "name": pl.Series([name.text for name in names]).hash(),
            "car": frame["car"],
            "year": frame["year"].cast(pl.Float32),
            "miles": (frame["odometer"].cast(pl.Float32) + 5_000).log().fill_null(11.5),
        }
    )


def nearest(rows: pl.DataFrame, known: pl.DataFrame) -> Floats:
    """Average the residuals of known cars by a kernel, shape (rows, 2): mean, and log of the weights."""
    parts = []
    for part in rows.iter_slices(500):
        difference = {
            name: part[name].to_numpy()[:, None] - known[name].to_numpy()[None, :]
            for name in ("year", "miles")
        }
        weights = np.exp(-((difference["year"] / 1.5) ** 2 + (difference["miles"] / 0.35) ** 2) / 2)
        same = part["name"].to_numpy()[:, None] == known["name"].to_numpy()[None, :]
        weights *= np.where(same, 1.0, 0.1)
        weights[part["car"].to_numpy()[:, None] == known["car"].to_numpy()[None, :]] = 0
        total = weights.sum(axis=1)
        mean = weights @ known["residual"].to_numpy() / (total + 1)
        parts.append(np.stack([mean, np.log1p(total)], axis=1))
    return np.concatenate(parts)


def with_columns(encoded: Encoded, history: Floats, later: Floats) -> Encoded:
    """Add columns before the last, which is the additive model's price."""
    sides = []
    for rows, added in ((encoded.history, history), (encoded.later, later)):
        matrix = np.hstack([rows.matrix[:, :-1], added.astype(np.float32), rows.matrix[:, -1:]])
        sides.append(replace(rows, matrix=np.ascontiguousarray(matrix)))
    monotone = (*encoded.monotone[:-1], *[0] * history.shape[1], encoded.monotone[-1])
    return Encoded(monotone=monotone, history=sides[0], later=sides[1])


ADDED: Mapping[str, Callable[[Origin, Encoded], Encoded]] = {
    "name embeddings: 16 singular vectors of the tokens": with_embeddings,
    "name embeddings as inputs of the additive model": with_additive_embeddings,
    "residuals of the nearest cars of the family": with_neighbours,
}
"""Name of a variant with further columns -> what adds them."""

TREES: Mapping[str, TreeFit] = {
    "the model": TreeFit(),
    "weight of a listing: n ** -0.5 for the n listings of its car": TreeFit(
        weights=partial(by_car, power=-0.5)
    ),
    "weight of a listing: 1 / n": TreeFit(weights=partial(by_car, power=-1.0)),
    "recency weights, half-life 7 days": TreeFit(weights=partial(recent, half_life=7)),
    "recency weights, half-life 21 days": TreeFit(weights=partial(recent, half_life=21)),
    "scale of the loss 0.07": TreeFit(scale=partial(one_scale, scale=0.07)),
    "scale of the loss 0.14": TreeFit(scale=partial(one_scale, scale=0.14)),
    "scale of the loss by segment: five bands of the price": TreeFit(
        scale=partial(scale_by_segment, segments=5)
    ),
    "monotone stacking: free trees first, then the constrained ones": TreeFit(
        free_rounds=ROUNDS // 2, rounds=ROUNDS // 2
    ),
    "bagging: mean of five seeds": TreeFit(seeds=range(5)),
    "mean of two seeds, as many trees in all": TreeFit(
        seeds=(1, 2), rounds=ROUNDS // 2, params={"eta": 0.15}
    ),
    "mean of two seeds": TreeFit(seeds=(1, 2)),
    "128 leaves": TreeFit(params={"max_leaves": 128}),
    "twice the rounds at half the learning rate": TreeFit(rounds=2 * ROUNDS, params={"eta": 0.05}),
}
"""Name of a variant of the trees -> how they are fitted."""


@contextmanager
def ten_folds() -> Iterator[None]:
    """Fit the features without each of ten folds of cars."""
    with patch.object(training_rows, "FOLDS", 10), patch.object(fit, "FITS", (None, *range(10))):
        yield


ENCODINGS: Mapping[str, Patch] = {
    "additive model: scale of the robust weights 0.08": lambda: patch.object(
        robust_ridge, "REWEIGHTING_SCALE", 0.08
    ),
    "additive model: four rounds of reweighting": lambda: patch.object(robust_ridge, "REWEIGHTING_ROUNDS", 4),
    "additive model: weight of a listing 1 / n": lambda: patch.object(
        fit, "row_weights", lambda rows, _listings: by_car(rows, power=-1.0)
    ),
    "additive model: recency weights, half-life 21 days": lambda: patch.object(
        fit, "row_weights", lambda rows, _listings: by_car(rows, power=-0.5) * recent(rows, half_life=21)
    ),
    "additive model: columns from two rows on": lambda: patch.object(columns, "MIN_LEVEL_ROWS", 2),
    "ten folds of cross-fitting": ten_folds,
}
"""Name of a variant of the features -> what is replaced while they are fitted."""


def main() -> None:
    """Fit and score each variant at each origin, and write `results/trials.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listings", type=Path)
    parser.add_argument("every", type=int)
    parser.add_argument("--only", nargs="*", help="words of the names of variants")
    options = parser.parse_args()
    table = pl.read_parquet(options.listings).filter(pl.col("car").cast(pl.UInt64) % options.every == 0)
    rows = [row for part in ORIGINS for row in measure(cut(table, *part), only=options.only)]
    if not options.only:
        command = f"python -m benchmarks.trials LISTINGS {options.every}"
        save("trials", {"cars after the origin": rows}, command=command, model=f"{ROUNDS} trees")


def cut(table: pl.DataFrame, share: float, end: float) -> Origin:
    """Take the listings before an origin, and the cars that are advertised for the first time after it."""
    ordered = table.sort("posted_at")
    start, stop = int(ordered.height * share), int(ordered.height * end)
    history = ordered[:start]
    later = ordered[start:stop].join(history.select("car").unique(), on="car", how="anti")
    return Origin(share=share, history=history, later=later)


def measure(origin: Origin, *, only: Sequence[str] | None) -> Iterator[dict[str, str]]:
    """Yield a row for each variant at one origin."""
    for name, changed in {"": nullcontext, **ENCODINGS}.items():
        if name and not chosen(name, only):
            continue
        began = time.process_time()
        with changed():
            encoded = encode(origin)
        if not name:
            yield row("additive model alone", origin, encoded.later.base_margin.astype(np.float64), began)
        variants = TREES if not name else {name: TreeFit()}
        for variant, how in variants.items():
            if chosen(variant, only):
                began = time.process_time()
                yield row(variant, origin, fit_trees(encoded, origin.history, how), began)
        for variant, add in {}.items() if name else ADDED.items():
            if chosen(variant, only):
                began = time.process_time()
                yield row(variant, origin, fit_trees(add(origin, encoded), origin.history, TreeFit()), began)


def chosen(name: str, only: Sequence[str] | None) -> bool:
    """Decide whether a variant is measured."""
    return not only or name == "the model" or any(word in name for word in only)


def row(name: str, origin: Origin, log_price: Floats, began: float) -> dict[str, str]:
    """Score a variant, and print the row."""
    scores = price_scores(asking=origin.asking, quoted=np.exp(log_price))
    values = {
        "origin": f"{origin.share:.0%}",
        "variant": name,
        "median error": f"{scores['mdape']:.2%}",
        "mean error": f"${scores['mae']:,.0f}",
        "within 20 %": f"{scores['within_20']:.1%}",
        "mean error of the log price": f"{scores['mae_log']:.4f}",
        "bias": f"{scores['bias']:+.1%}",
        "CPU s": f"{time.process_time() - began:.0f}",
    }
    print(*values.values(), sep="\t", flush=True)
    return values


if __name__ == "__main__":
    main()
