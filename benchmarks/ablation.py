"""Measure the components of the price model: `python -m benchmarks.ablation DATASET EVERY`.

DATASET is a folder with `train.parquet` and `validation.parquet`; one in EVERY cars of the training rows is
used. Test rows are not read. In the first table each row adds exactly one component to the row above; in the
second, each row changes one component of the complete model.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import xgboost as xgb
from benchmarks.results import save

from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.scores import price_scores
from carvalue.pricing.features import columns, odometer
from carvalue.pricing.features.encoder import FeatureEncoder
from carvalue.pricing.features.model_names import CarName
from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.boosting import EncodedRows, boost, ignore_round, matrices
from carvalue.pricing.training.components import Components as ModelComponents
from carvalue.pricing.training.components import LossName
from carvalue.pricing.training.encoding import fit_training_encoder, in_memory
from carvalue.pricing.training.search import INITIAL_PARAMS

ROUNDS, LEARNING_RATE = 400, 0.1
TARGET_ENCODING, AGE_LEVELS = "name_level", ("name_young", "name_old")


@dataclass(frozen=True, kw_only=True)
class Components:
    """Components of a variant of the model; the default is trees on the fields as sellers type them."""

    parsed_names: bool = False
    """Make, family, trim and engine size are read from the model text, instead of taking its first word."""
    target_encoding: bool = False
    """The mean log price of the name is a feature."""
    additive_model: bool = False
    """Trees start from the additive model's log price and have its parts as features, not from the mean."""
    implausible_odometers: bool = False
    """Odometers below 1,000 miles of used cars are replaced by a flag."""
    word_curves: bool = False
    """In the additive model every word of a name has its own curves over age and miles."""
    loss: LossName = "squared"
    monotone: bool = False
    """The trees are constrained: more miles never raise the price, a newer year never lowers it."""
    trees: bool = True


CHAIN: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("trees on the fields, with names as typed", {}),
    ("+ names parsed into make, family, trim and engine size", {"parsed_names": True}),
    ("+ target encoding of the name", {"target_encoding": True}),
    ("+ trees start from the additive model", {"additive_model": True}),
    ("+ implausible odometers replaced by a flag", {"implausible_odometers": True}),
    ("+ own age and mileage curves for each word of a name", {"word_curves": True}),
    ("+ Student-t loss instead of squared error", {"loss": "student_t"}),
    ("+ monotone in year and miles: **the model**", {"monotone": True}),
)
"""Name of each row, and the one component that it adds to the row above."""
CHANGES: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("additive model without trees", {"trees": False}),
    ("trees without the additive model", {"additive_model": False}),
    ("squared error instead of the Student-t loss", {"loss": "squared"}),
    ("Huber loss instead of the Student-t loss", {"loss": "huber"}),
    ("without monotone constraints", {"monotone": False}),
)
"""Name of each row, and the one component of the complete model that it changes."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Training and validation rows as the trees take them, and the encoder that names their columns."""

    encoder: FeatureEncoder
    train: EncodedRows
    validation: EncodedRows


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """Fits variants of the model on the same rows.

    Attributes:
        train: Training rows.
        validation: Rows to score on.
    """

    train: pl.DataFrame
    validation: pl.DataFrame
    _encoded: dict[tuple[bool, bool, bool], Encoded] = field(default_factory=dict)

    def baseline(self) -> Floats:
        """Quote the validation rows by the median of the training rows, in log dollars."""
        return np.log(median_quotes(train=self.train, frame=self.validation))

    def predict(self, components: Components) -> Floats:
        """Fit a variant and predict the validation rows, in log dollars."""
        encoded = self._encode(components)
        if not components.trees:
            return encoded.validation.base_margin.astype(np.float64)
        return fit_and_predict(select_columns(encoded, components), components)

    def _encode(self, components: Components) -> Encoded:
        """Encode both sets, once for each combination of the components that the encoding depends on."""
        key = (components.parsed_names, components.implausible_odometers, components.word_curves)
        if key not in self._encoded:
            with without(components):
                fitted = fit_training_encoder(
                    in_memory(self.train),
                    components=ModelComponents(token_curves=components.word_curves),
                )
                self._encoded[key] = Encoded(
                    encoder=fitted.encoder,
                    train=fitted.encode_out_of_fold(self.train),
                    validation=fitted.encode_unseen(self.validation),
                )
        return self._encoded[key]


def main(dataset: Path, *, every: int) -> None:
    """Fit every variant, print both tables, and write `results/ablation.json`."""
    rows = pl.read_parquet(dataset / "train.parquet")
    train = rows.filter(pl.col("car").cast(pl.UInt64) % every == 0)
    ablation = Ablation(train=train, validation=pl.read_parquet(dataset / "validation.parquet"))
    complete, chain = measure_chain(ablation)
    values = {
        "training rows": train.height,
        "validation rows": ablation.validation.height,
        "each row adds one component": chain,
        "each row changes one component": measure_changes(ablation, complete),
    }
    command = f"python -m benchmarks.ablation DATASET {every}"
    save("ablation", values, command=command, model=f"{ROUNDS} trees at learning rate {LEARNING_RATE}")


def measure_chain(ablation: Ablation) -> tuple[Components, list[dict[str, str]]]:
    """Return the complete model's components, and a row for the baseline and for each step to them."""
    asking = ablation.validation["price"].cast(pl.Float64).to_numpy()
    rows = [row("median by make, family and year", asking=asking, log_price=ablation.baseline())]
    components = Components()
    for name, change in CHAIN:
        components = replace(components, **change)  # type: ignore[arg-type]
        rows.append(row(name, asking=asking, log_price=ablation.predict(components)))
    return components, rows


def measure_changes(ablation: Ablation, complete: Components) -> list[dict[str, str]]:
    """Return a row for each variant that differs from the complete model in one component."""
    asking = ablation.validation["price"].cast(pl.Float64).to_numpy()
    return [
        row(name, asking=asking, log_price=ablation.predict(replace(complete, **change)))  # type: ignore[arg-type]
        for name, change in CHANGES
    ]


@contextmanager
def without(components: Components) -> Iterator[None]:
    """Turn off the parts of the encoding that a variant does not have."""
    with ExitStack() as stack:
        if not components.parsed_names:
            stack.enter_context(patch.object(columns, "read_name", name_as_typed))
        if not components.implausible_odometers:
            stack.enter_context(patch.object(odometer, "MIN_PLAUSIBLE_ODOMETER", 0))
        yield


def name_as_typed(manufacturer: str, model: str) -> CarName:
    """Split a name without parsing it: make and text as the seller typed them, the first word as family."""
    return CarName(make=manufacturer, family=model.split(" ")[0], text=model, litres=nan)


def select_columns(encoded: Encoded, components: Components) -> Encoded:
    """Remove the features of components that a variant does not have.

    Without the additive model its parts are removed, and boosting starts from the mean log price.
    """
    removed: set[str] = set() if components.target_encoding else {TARGET_ENCODING}
    if not components.additive_model:
        removed |= {*encoded.encoder.summed, *AGE_LEVELS}
    features = tuple(item for item in encoded.encoder.features if item.name not in removed)
    encoder = replace(encoded.encoder, features=features)
    kept = [encoded.encoder.names.index(name) for name in encoder.names]
    mean = np.float32(encoded.train.log_price.mean())
    selected = []
    for rows in (encoded.train, encoded.validation):
        matrix = np.ascontiguousarray(rows.matrix[:, kept])
        if not components.additive_model:
            matrix[:, -1] = mean
        selected.append(replace(rows, matrix=matrix))
    return Encoded(encoder=encoder, train=selected[0], validation=selected[1])


def fit_and_predict(encoded: Encoded, components: Components) -> Floats:
    """Fit trees with fixed parameters and predict the validation rows, in log dollars."""
    train, validation = matrices(train=encoded.train, validation=encoded.validation)
    constraints = encoded.encoder.monotone
    fitted = boost(
        params={**INITIAL_PARAMS, "eta": LEARNING_RATE},
        monotone=constraints if components.monotone else [0] * len(constraints),
        rounds=ROUNDS,
        train=train,
        validation=validation,
        on_round=ignore_round,
        loss=components.loss,
    )
    rows = xgb.DMatrix(encoded.validation.matrix, base_margin=encoded.validation.base_margin)
    return np.asarray(fitted.booster.predict(rows), dtype=np.float64)


def row(name: str, *, asking: Floats, log_price: Floats) -> dict[str, str]:
    """Return and print one row of a table."""
    scores = price_scores(asking=asking, quoted=np.exp(log_price))
    values = {
        "variant": name,
        "median error": f"{scores['mdape']:.2%}",
        "mean error": f"${scores['mae']:,.0f}",
        "within 20 %": f"{scores['within_20']:.1%}",
    }
    print(values, flush=True)
    return values


if __name__ == "__main__":
    main(Path(sys.argv[1]), every=int(sys.argv[2]))
