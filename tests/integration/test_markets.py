"""European motorcycles, from their generated sample to a priced vehicle, in their own currency and units."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
LIMIT_S = 600


@pytest.fixture(scope="module")
def motorcycles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("motorcycles")
    settings = {"MARKET": "eu-motorcycles", "DATA_SOURCE": "sample", "SAMPLE_ROWS": "3000"}
    settings |= {"STATE_DIR": str(folder / "state"), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, TESTS / "market_program.py", folder],
        env=os.environ | settings | {"PYTHONPATH": str(TESTS)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


def test_the_model_passes_every_gate(motorcycles: dict[str, Any]) -> None:
    assert {name: text for name, (passed, text) in motorcycles["gates"].items() if not passed} == {}
    invariants = motorcycles["gates"]["invariants"][1]
    for invariant in (
        "more km never raise",
        "a larger power_kw never lowers",
        "anti-lock brakes raise prices",
    ):
        assert invariant in invariants


def test_the_api_answers_in_the_markets_currency_and_units(motorcycles: dict[str, Any]) -> None:
    explained, card = motorcycles["explained"], motorcycles["model"]["card"]

    assert explained["quote"]["currency"] == "EUR"
    labels = [item["label"] for item in explained["reasons"]["items"]]
    assert "30,000 km" in labels
    assert (card["market"], card["currency"], card["distance_unit"]) == ("eu-motorcycles", "EUR", "km")
    assert not [text for text in card["limits"] if "United States" in text or "$" in text]
    assert "€500 to €60,000" in card["limits"][-1]
    units = {field["name"]: field["unit"] for field in motorcycles["options"]["fields"]}
    assert (units["odometer"], units["power_kw"], units["country"]) == ("km", "kW", None)


def test_the_fields_of_the_market_move_prices_and_reasons_add_up(motorcycles: dict[str, Any]) -> None:
    complete, strong, without_abs = motorcycles["variants"]
    reasons = motorcycles["explained"]["reasons"]

    assert without_abs < complete
    assert complete < strong
    assert reasons["start"] + sum(item["amount"] for item in reasons["items"]) == complete


def test_files_are_read_by_the_same_description(motorcycles: dict[str, Any]) -> None:
    exact, twelve_thousand = motorcycles["scored"]

    assert exact["price"] == motorcycles["variants"][0]
    assert exact["price"] < twelve_thousand["price"]  # `12.500 km` instead of 30000
    for row in (exact, twelve_thousand):
        assert f"\n{row['price']},{row['low']},{row['high']},EUR," in motorcycles["batch"]


def test_the_page_speaks_of_motorcycles_euros_and_kilometres(motorcycles: dict[str, Any]) -> None:
    page = motorcycles["page"]
    texts = "\n".join([*page["texts"], *page["labels"]]).replace("\\", "")

    assert page["exceptions"] == []
    assert "What is your motorcycle worth?" in texts
    assert f"## €{motorcycles['variants'][0]:,}" in texts
    assert "2020 BMW R 1250 GS, 30,000 km" in texts
    assert {"Power (kW)", "Displacement (cc)", "Anti-lock brakes", "Country"} <= set(page["labels"])
    assert "with 19,000 km more for each year" in texts
    assert [word for word in ("$", "miles", "dollars", "VIN", " car ") if word in texts] == []


def test_certificates_and_link_previews_are_in_the_markets_currency_and_units(
    motorcycles: dict[str, Any],
) -> None:
    texts = "\n".join(motorcycles["certificate"])

    assert f"EUR {motorcycles['variants'][0]:,}" in texts  # the font of the document has no euro sign
    assert "Power: 100 kW" in texts
    assert "Country: DE" in texts
    assert "This motorcycle" in texts
    assert [word for word in ("$", "miles", "?", " car") if word in texts] == []
    assert motorcycles["preview"] == [
        "What is your motorcycle worth?",
        "A price range for a used motorcycle, with reasons in euros.",
    ]
