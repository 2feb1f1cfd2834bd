"""The model as an MLflow pyfunc: this file is its code and the bundle its only artifact; nothing is pickled.

MLflow executes the file when it loads a version (`mlflow models serve --env-manager local`, `mlflow.pyfunc`),
in an environment in which carvalue is installed.
"""

from pathlib import Path

import pandas as pd
import polars as pl
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from carvalue.listings import ALIASES, CATEGORY_FIELDS
from carvalue.pricing import PriceModel

_NAMES = frozenset(field.name for field in CATEGORY_FIELDS)
CATEGORIES = _NAMES | {alias for alias, name in ALIASES.items() if name in _NAMES}


class PricePyfunc(PythonModel):
    """Quote a frame of listings; the result has the columns price, low, high, support_grade and warnings."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle.

        Args:
            context: Has the path of the bundle among its artifacts.
        """
        self._model = PriceModel.load(Path(context.artifacts["bundle"]))

    def predict(  # type: ignore[override]  # MLflow counts these arguments
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
    ) -> pd.DataFrame:
        """Quote each listing.

        Args:
            context: Not used.
            model_input: Listings, with any of the columns of the listing's fields.

        Returns:
            One row per listing: price, low and high in the market's currency, the grade of the support, and a
            list of warnings.
        """
        listings = pl.from_pandas(model_input, nan_to_null=True)
        listings = listings.with_columns(pl.col(CATEGORIES & {*listings.columns}).cast(pl.String))
        quotes = self._model.quote_frame(listings).drop("kinds")
        # lists, because Ray Data takes arrays for tensors, which must have equal shapes
        return quotes.to_pandas().assign(warnings=quotes["warnings"].to_list())


set_model(PricePyfunc())
