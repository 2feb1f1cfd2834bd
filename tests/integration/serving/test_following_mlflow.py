"""The service as a process beside a real MLflow follows promotions and survives an outage of the registry."""

import time
from pathlib import Path

import httpx
import pytest

from carvalue.api.examples import LISTING as EXAMPLE
from mlflow_servers import mlflow_server
from released import answers, price_service, put_into_production
from waiting import until

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

VISIBLE_WITHIN_S = 10


def quoted(client: httpx.Client) -> dict[str, object]:
    quote: dict[str, object] = client.post("/predict", json=EXAMPLE).json()
    return quote


@pytest.mark.slow
def test_promotions_are_followed_and_an_outage_is_survived(tmp_path: Path) -> None:
    mlflow, state = tmp_path / "mlflow", tmp_path / "state"
    for folder in (mlflow, state):
        folder.mkdir()
    with mlflow_server(mlflow) as uri, price_service(state, uri=uri) as client:
        assert client.get("/readyz").status_code == 503
        put_into_production(uri, tmp_path / "first", price_share=1.0)
        until(lambda: answers(client, "/readyz"), within_s=VISIBLE_WITHIN_S)
        first = quoted(client)

        put_into_production(uri, tmp_path / "second", price_share=0.7)
        promoted_at = time.monotonic()
        until(lambda: quoted(client)["model_version"] == "2", within_s=VISIBLE_WITHIN_S)

        assert time.monotonic() - promoted_at < VISIBLE_WITHIN_S
        second = quoted(client)
        assert second["price"] < first["price"] * 0.8

    with price_service(state, uri=uri) as client:  # MLflow is gone
        assert client.get("/readyz").is_success
        assert quoted(client)["price"] == second["price"]
        until(lambda: client.get("/readyz").json()["degraded"] == {"registry": "down"})
