"""The model as MLflow loads it: this file is its code, the bundle its only artifact; nothing is pickled.

MLflow runs the file when it loads a version (`mlflow models serve --env-manager local`, `mlflow.pyfunc`),
in an environment that has carvalue installed.
"""

from pathlib import Path

import pandas as pd
import polars as pl
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from carvalue.pricing import PriceModel


class PricePyfunc(PythonModel):
    """Quote a table of listings: price, low, high, warnings."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle."""
        self._model = PriceModel.load(Path(context.artifacts["bundle"]))

    def predict(  # type: ignore[override]  # MLflow counts these arguments
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
    ) -> pd.DataFrame:
        """Quote each row."""
        listings = pl.from_pandas(model_input, nan_to_null=True)
        return self._model.quote_frame(listings).drop("kinds").to_pandas()


set_model(PricePyfunc())
