"""How much each field matters for the price, and so what a change of the field does to prices."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.monitoring.drift.profile import INPUTS
from carvalue.pricing import PriceModel

SAMPLE_ROWS = 400
SEED = 1


@dataclass(frozen=True, kw_only=True)
class FieldEffect:
    """The mean absolute change of the price, as a share of it.

    Attributes:
        missing: When the field is left empty.
        other: When the field has the value of another car.
    """

    missing: float
    other: float


def measure_effects(reference: pl.DataFrame, model: PriceModel) -> Mapping[str, FieldEffect]:
    """Quote a sample of the reference again with each field empty, and with values of other cars.

    Args:
        reference: The published rows, with every input.
        model: The model that quotes them.

    Returns:
        Effects by field.
    """
    cars = reference.select(INPUTS).sample(min(SAMPLE_ROWS, len(reference)), seed=SEED)
    priced = _prices(cars, model)
    effects = {}
    for name in INPUTS:
        empty = cars.with_columns(pl.lit(None, dtype=cars[name].dtype).alias(name))
        shuffled = cars.with_columns(cars[name].shuffle(seed=SEED))
        effects[name] = FieldEffect(
            missing=float(np.abs(_prices(empty, model) / priced - 1).mean()),
            other=float(np.abs(_prices(shuffled, model) / priced - 1).mean()),
        )
    return effects


def _prices(cars: pl.DataFrame, model: PriceModel) -> np.ndarray:
    return model.quote_frame(cars)["price"].cast(pl.Float64).to_numpy()
