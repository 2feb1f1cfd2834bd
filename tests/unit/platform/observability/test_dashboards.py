"""Grafana gets the dashboards with the currency of the market."""

import json
from pathlib import Path

import pytest

from carvalue import listings
from carvalue.listings.markets import read_market
from carvalue.platform.observability.tools import GRAFANA
from carvalue.settings import Settings


@pytest.mark.parametrize(("market", "unit"), [("us-cars", "currencyUSD"), ("eu-motorcycles", "currencyEUR")])
def test_prices_have_the_currency_of_the_market(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: str, unit: str
) -> None:
    monkeypatch.setattr(listings, "CURRENCY", read_market(market).currency)
    settings = Settings(state_dir=tmp_path)

    files = GRAFANA.files(settings)

    (provider,) = files["provisioning/dashboards/carvalue.yaml"]["providers"]
    assert provider["options"]["path"] == str(GRAFANA.folder(settings) / "dashboards")
    units = set(json.dumps(files["dashboards/carvalue-prices.json"]).split('"'))
    assert {item for item in units if item.startswith("currency")} == {unit}
