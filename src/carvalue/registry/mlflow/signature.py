"""What MLflow's pages show of the model: the fields it takes, the quote it gives, one example."""

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array

from carvalue.listings import FIELDS, NumberField


def signature() -> ModelSignature:
    """Derive the signature from the listing's fields; any of them may be missing."""
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(
            DataType.double if isinstance(field, NumberField) else DataType.string, field.name, required=False
        )
        for field in FIELDS
    ]
    outputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.long, name) for name in ("price", "low", "high")]
    outputs.append(ColSpec(Array(DataType.string), "warnings"))
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example() -> pd.DataFrame:
    """Give two listings to try the model with."""
    return pd.DataFrame(
        {
            "manufacturer": ["toyota", "ford"],
            "model": ["camry le", "f-150 xlt"],
            "year": [2012.0, 2017.0],
            "odometer": [98_000.0, 61_000.0],
        }
    )
