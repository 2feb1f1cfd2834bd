"""The model's signature and input example, as shown in MLflow's user interface."""

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array

from carvalue.listings import ALIASES, FIELD_BY_NAME


def signature() -> ModelSignature:
    """Derive the signature from the listing's fields and their aliases, all of which are optional.

    Their types are open, because MLflow refuses whole numbers for `double` and columns without any value for
    `string`, and makes a text of each missing value in Arrow's strings.

    Returns:
        The input columns and the columns of a quote.
    """
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(AnyType(), name, required=False) for name in (*FIELD_BY_NAME, *ALIASES)
    ]
    outputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.long, name) for name in ("price", "low", "high")]
    outputs.append(ColSpec(DataType.string, "support_grade"))
    outputs.append(ColSpec(Array(DataType.string), "warnings"))
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example() -> pd.DataFrame:
    """Build an input example.

    Returns:
        Two listings, one per row.
    """
    return pd.DataFrame(
        {
            "manufacturer": ["toyota", "ford"],
            "model": ["camry le", "f-150 xlt"],
            "year": [2012.0, 2017.0],
            "odometer": [98_000.0, 61_000.0],
        }
    )
