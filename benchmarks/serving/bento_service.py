"""The baseline's code behind BentoML."""

from typing import Any

import bentoml
from benchmarks.serving.dataframe_model import DataFrameModel


@bentoml.service(workers=1, traffic={"max_concurrency": 1_000})
class Prices:
    """A service of one worker."""

    def __init__(self) -> None:
        self.model = DataFrameModel()

    @bentoml.api
    def predict(self, listing: dict[str, Any]) -> dict[str, object]:
        """Price one listing."""
        return self.model.price(listing)
