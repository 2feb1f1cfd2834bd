"""Measure the components of the price model: `python -m benchmarks.ablation DATASET EVERY`.

DATASET is a folder with `train.parquet` and `validation.parquet`; one in EVERY cars of the training rows is
used. Test rows are not read. In the first table each row adds exactly one component to the row above; in the
second, each row changes one component of the complete model.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from benchmarks.results import save

from carvalue.pricing.evaluation.baseline import median_quotes
from carvalue.pricing.evaluation.scores import price_scores
from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.boosting import EncodedRows
from carvalue.pricing.training.components import COMPLETE, Components
from carvalue.pricing.training.encoding import TrainingEncoder, fit_training_encoder, in_memory
from carvalue.pricing.training.libraries import BoostingSettings, fit_trees
from carvalue.pricing.training.search import INITIAL_PARAMS

ROUNDS, LEARNING_RATE, SEED = 400, 0.1, 2021

FIRST = Components(
    parsed_names=False,
    target_encoding=False,
    additive_model=False,
    implausible_odometers=False,
    token_curves=False,
    loss="squared",
    monotone=False,
)
"""Components of the first row: trees on the fields as sellers type them."""
CHAIN: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("trees on the fields, with names as typed", {}),
    ("+ names parsed into make, family, trim and engine size", {"parsed_names": True}),
    ("+ target encoding of the name", {"target_encoding": True}),
    ("+ trees start from the additive model", {"additive_model": True}),
    ("+ implausible odometers replaced by a flag", {"implausible_odometers": True}),
    ("+ own age and mileage curves for each word of a name", {"token_curves": True}),
    ("+ Student-t loss instead of squared error", {"loss": "student_t"}),
    ("+ monotone in year and miles: **the model**", {"monotone": True}),
)
"""Name of each row, and the one component that it adds to the row above."""
CHANGES: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("additive model without trees", {"trees": False}),
    ("trees without the additive model", {"additive_model": False}),
    ("without target encoding", {"target_encoding": False}),
    ("names as typed", {"parsed_names": False}),
    ("implausible odometers as typed", {"implausible_odometers": False}),
    ("squared error instead of the Student-t loss", {"loss": "squared"}),
    ("Huber loss instead of the Student-t loss", {"loss": "huber"}),
    ("without monotone constraints", {"monotone": False}),
)
"""Name of each row, and the one component of the complete model that it changes."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Training and validation rows as the trees take them, and the encoder of both."""

    encoder: TrainingEncoder
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
    _encoded: dict[Components, Encoded] = field(default_factory=dict)

    def baseline(self) -> Floats:
        """Quote the validation rows by the median of the training rows, in log dollars."""
        return np.log(median_quotes(train=self.train, frame=self.validation))

    def predict(self, components: Components) -> Floats:
        """Fit a variant with fixed parameters and predict the validation rows, in log dollars."""
        encoded = self._encode(components)
        settings = BoostingSettings.from_components(
            components,
            encoder=encoded.encoder.encoder,
            params={**INITIAL_PARAMS, "eta": LEARNING_RATE, "seed": SEED},
            rounds=ROUNDS,
        )
        trees = fit_trees("xgboost", settings, train=encoded.train, validation=encoded.validation)
        rows = encoded.validation
        return trees.flat_trees.predict(rows.matrix, base_margin=rows.base_margin).astype(np.float64)

    def _encode(self, components: Components) -> Encoded:
        """Encode both sets, once for all variants whose trees alone differ."""
        key = replace(components, trees=True, loss="student_t", monotone=True)
        if key not in self._encoded:
            fitted = fit_training_encoder(in_memory(self.train), components=components)
            self._encoded[key] = Encoded(
                encoder=fitted,
                train=fitted.encode_out_of_fold(self.train),
                validation=fitted.encode_unseen(self.validation),
            )
        return self._encoded[key]


def main(dataset: Path, *, every: int) -> None:
    """Fit every variant, print both tables, and write `results/ablation.json`."""
    rows = pl.read_parquet(dataset / "train.parquet")
    train = rows.filter(pl.col("car").cast(pl.UInt64) % every == 0)
    ablation = Ablation(train=train, validation=pl.read_parquet(dataset / "validation.parquet"))
    values = {
        "training rows": train.height,
        "validation rows": ablation.validation.height,
        "each row adds one component": measure_chain(ablation),
        "each row changes one component": measure_changes(ablation),
    }
    command = f"python -m benchmarks.ablation DATASET {every}"
    save("ablation", values, command=command, model=f"{ROUNDS} trees at learning rate {LEARNING_RATE}")


def chain() -> list[tuple[str, Components]]:
    """List the name and the components of each row of the first table."""
    rows, components = list[tuple[str, Components]](), FIRST
    for name, change in CHAIN:
        components = replace(components, **change)  # type: ignore[arg-type]
        rows.append((name, components))
    return rows


def measure_chain(ablation: Ablation) -> list[dict[str, str]]:
    """Return a row for the baseline and for each step to the complete model."""
    asking = ablation.validation["price"].cast(pl.Float64).to_numpy()
    return [
        row("median by make, family and year", asking=asking, log_price=ablation.baseline()),
        *(row(name, asking=asking, log_price=ablation.predict(variant)) for name, variant in chain()),
    ]


def measure_changes(ablation: Ablation) -> list[dict[str, str]]:
    """Return a row for each variant that differs from the complete model in one component."""
    asking = ablation.validation["price"].cast(pl.Float64).to_numpy()
    return [
        row(name, asking=asking, log_price=ablation.predict(replace(COMPLETE, **change)))  # type: ignore[arg-type]
        for name, change in CHANGES
    ]


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
