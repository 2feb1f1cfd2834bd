"""The baseline: a DataFrame and a DMatrix for each request, as many price services are written."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from carvalue.pricing import PriceModel


class DataFrameModel:
    """The booster and the encoder of a bundle; no range, no warnings, no journal."""

    def __init__(self) -> None:
        self._model = PriceModel.load(Path(os.environ["BENCHMARK_BUNDLE"]))

    def price(self, request: Mapping[str, Any]) -> dict[str, object]:
        """Price one listing.

        Args:
            request: The fields of a listing.

        Returns:
            The key `price`, in dollars.
        """
        listing = pd.DataFrame([request]).rename(columns={"make": "manufacturer"}).iloc[0].to_dict()
        encoded = self._model.encoder.row(listing)
        columns = pd.DataFrame(encoded, columns=list(self._model.encoder.names))
        matrix = xgb.DMatrix(columns, base_margin=encoded[:, -1], nthread=1)
        log_price = float(self._model.booster.predict(matrix, output_margin=True)[0])
        return {"price": round(float(np.exp(log_price)))}
