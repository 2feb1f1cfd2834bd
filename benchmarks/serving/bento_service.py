"""The same work behind BentoML."""

from typing import Any

import bentoml
from benchmarks.serving.reference_car import UsualModel


@bentoml.service(workers=1, traffic={"max_concurrency": 1_000})
class Prices:
    """One worker."""

    def __init__(self) -> None:
        self.model = UsualModel()

    @bentoml.api
    def predict(self, listing: dict[str, Any]) -> dict[str, object]:
        """Answer one listing."""
        return self.model.price(listing)
