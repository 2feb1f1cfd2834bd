"""What each step of the price model brings: `python benchmarks/ablation.py DATASET EVERY [DOCUMENT]`.

DATASET is a folder with `train.parquet` and `validation.parquet`; one of EVERY so many cars of the first is
learned from. Test rows are not read. The table is printed, and put between the marks of a Markdown document.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import xgboost as xgb

from carvalue.pricing.additive import lookups
from carvalue.pricing.additive.fitting import design_matrix
from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.scores import price_scores
from carvalue.pricing.features import columns, odometer
from carvalue.pricing.features.encoder import FeatureEncoder
from carvalue.pricing.features.model_names import CarName
from carvalue.pricing.intervals.conformal import Floats
from carvalue.pricing.market.known_categories import fit_known_categories
from carvalue.pricing.training import boosting
from carvalue.pricing.training.boosting import (
    ROBUST_SCALE,
    EncodedRows,
    boost,
    ignore_round,
    matrices,
    robust_loss,
)
from carvalue.pricing.training.cross_fitting import fit_training_encoder
from carvalue.pricing.training.search import START

ROUNDS, RATE = 400, 0.1
MARKS = ("<!-- ablation -->\n", "<!-- /ablation -->")
HEAD = """\
| {rows:,} rows to learn from; on validation rows | median error | mean error | within 20 % |
|---|---|---|---|
"""


Loss = Callable[[Floats, xgb.DMatrix], tuple[Floats, Floats]]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Both sets as the trees take them."""

    encoder: FeatureEncoder
    train: EncodedRows
    validation: EncodedRows


def main(dataset: Path, *, one_of: int, document: Path | None) -> None:
    """Fit every variant, print the table, and put it into the document."""
    every = pl.read_parquet(dataset / "train.parquet")
    train = every.filter(pl.col("car").cast(pl.UInt64) % one_of == 0)
    validation = pl.read_parquet(dataset / "validation.parquet")
    asked = validation["price"].cast(pl.Float64).to_numpy()
    table = HEAD.format(rows=train.height)
    for name, log_price in variants(train, validation):
        table += row(name, asked=asked, quoted=np.exp(log_price)) + "\n"
        print(table.splitlines()[-1], flush=True)
    if document is not None:
        text = document.read_text()
        before, after = text.index(MARKS[0]) + len(MARKS[0]), text.index(MARKS[1])
        document.write_text(text[:before] + table + text[after:])


def variants(train: pl.DataFrame, validation: pl.DataFrame) -> Iterator[tuple[str, Floats]]:
    """Give each variant's name and its log prices of the validation rows."""
    yield "median by make, family, year", np.log(median_quotes(train=train, frame=validation))
    believing = patch.object(odometer, "BELIEVED_MILES", 0)
    with believing, patch.object(columns, "read_name", as_typed):
        typed = encoded(train, validation)
    yield "names as typed: trees alone, on words, codes and price levels", fitted(without_additive(typed))
    yield "the same on the additive model", fitted(typed)
    with believing:
        typed = encoded(train, validation)
    yield "names read: trees alone", fitted(without_additive(typed))
    yield "the additive model alone", typed.validation.start.astype(np.float64)
    yield "trees on the additive model, monotone", fitted(typed)
    with (
        patch.multiple(lookups, curve_keys=lookups.group_keys),
        patch.multiple(design_matrix, curve_keys=lookups.group_keys),
    ):
        yield "doubted odometers by themselves", fitted(encoded(train, validation))
    whole = encoded(train, validation)
    yield "each word of a name ages in its own way: **the model**", fitted(whole)
    yield "the model with squared error", fitted(whole, loss=squared)
    yield "with a smooth absolute error", fitted(whole, loss=smooth_absolute)
    yield "not monotone", fitted(whole, monotone=[0] * len(whole.encoder.names))


def as_typed(manufacturer: str, model: str) -> CarName:
    """Take a name without reading it: make, first word and text as the seller wrote them."""
    return CarName(make=manufacturer, family=model.split(" ")[0], text=model, litres=nan)


def squared(margin: Floats, rows: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Aim at the mean."""
    return margin - rows.get_label(), np.ones_like(margin)


def smooth_absolute(margin: Floats, rows: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Aim at the median: quadratic up to `ROBUST_SCALE`, linear beyond."""
    error = margin - rows.get_label()
    weight = 1 / np.maximum(np.abs(error) / ROBUST_SCALE, 1)
    return error * weight, weight


def encoded(train: pl.DataFrame, validation: pl.DataFrame) -> Encoded:
    """Fit the encoder and encode both sets."""
    fitted_on = fit_training_encoder(train, newest_year=fit_known_categories(train).newest_year)
    return Encoded(
        encoder=fitted_on.encoder, train=fitted_on.learned(train), validation=fitted_on.unseen(validation)
    )


def without_additive(sets: Encoded) -> Encoded:
    """Leave out what the additive model gives; the trees start from the mean."""
    encoder = replace(
        sets.encoder,
        features=tuple(
            item
            for item in sets.encoder.features
            if item.name not in {*sets.encoder.summed, "name_young", "name_old"}
        ),
    )
    kept = [sets.encoder.names.index(name) for name in encoder.names]
    mean = np.float32(sets.train.log_price.mean())
    cut = []
    for rows in (sets.train, sets.validation):
        matrix = np.ascontiguousarray(rows.matrix[:, kept])
        matrix[:, -1] = mean
        cut.append(replace(rows, matrix=matrix))
    return Encoded(encoder=encoder, train=cut[0], validation=cut[1])


def fitted(sets: Encoded, *, monotone: Sequence[int] | None = None, loss: Loss = robust_loss) -> Floats:
    """Fit with fixed parameters and give the log prices of the validation rows."""
    binned = matrices(train=sets.train, validation=sets.validation)
    with patch.object(boosting, "robust_loss", loss):
        found = boost(
            params={**START, "eta": RATE},
            monotone=sets.encoder.monotone if monotone is None else monotone,
            rounds=ROUNDS,
            train=binned[0],
            validation=binned[1],
            on_round=ignore_round,
        )
    rows = xgb.DMatrix(sets.validation.matrix, base_margin=sets.validation.start)
    return np.asarray(found.booster.predict(rows), dtype=np.float64)


def row(name: str, *, asked: Floats, quoted: Floats) -> str:
    """Write one row of the table."""
    found = price_scores(asked=asked, quoted=quoted)
    return f"| {name} | {found['mdape']:.2%} | ${found['mae']:,.0f} | {found['within_20']:.1%} |"


if __name__ == "__main__":
    started = time.monotonic()
    main(
        Path(sys.argv[1]),
        one_of=int(sys.argv[2]),
        document=Path(sys.argv[3]) if len(sys.argv) > 3 else None,
    )
    print(f"{time.monotonic() - started:.0f} s")
