"""The page Incidents: what changed, real quotes, what was done, and the effect, as the watcher tells."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from carvalue.monitoring.watcher.airflow_runs import RETRAINING
from carvalue.registry import MODEL_NAME
from carvalue.web.views import incidents
from servers import serving

from .test_page import texts

ALERT = {
    "number": 7,
    "key": "drift:page",
    "kind": "drift",
    "severity": "warning",
    "title": "Visitors of the page: other cars are asked for (odometer)",
    "text": "Prices are affected.\nWhat to do: retrain.",
    "since": "2026-11-24T10:00:00+00:00",
    "resolved_at": None,
    "report": "20261124T100000Z-drift.html",
}
RECORD = {
    "alert": ALERT,
    "run": "by-alarm-20261124T100100",
    "result": "promoted",
    "version": 4,
    "ended_at": "2026-11-24T10:20:00+00:00",
}
OLD = RECORD | {
    "alert": ALERT | {"number": 3, "resolved_at": "2026-11-20T11:00:00+00:00", "report": ""},
    "run": "",
    "result": "",
    "version": None,
    "ended_at": None,
}
CHANGE = {
    "name": "odometer",
    "title": "odometer",
    "says": "median about 80,000 -> 128,000",
    "score": 2.2,
    "labels": ["below 100,000", "100,000 and more"],
    "before": [0.8, 0.2],
    "after": [0.3, 0.7],
}


def _period(name: str, median: float, price: int, **changes: Any) -> dict[str, Any]:
    sample = {
        "quoted_at": "2026-11-24T09:59:00+00:00",
        "model_version": "3",
        "price": price,
        "low": price - 1_000,
        "high": price + 1_000,
        "listing": {"manufacturer": "ford", "odometer": int(median)},
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    field = {"name": "odometer", "missing": 0.02, "median": median, "most_frequent": "", "share": 0.0}
    period = {
        "name": name,
        "quotes": 300,
        "versions": ["3"],
        "median_price": price,
        "median_width": 0.4,
        "sales": 0,
        "median_error": None,
        "fields": [field],
        "samples": [sample],
    }
    return period | changes


INCIDENT = {
    "record": RECORD | {"evidence": {"model_version": "3", "channel": "page", "changes": [CHANGE]}},
    "changed_at": "2026-11-24T09:58:00+00:00",
    "repaired_at": "2026-11-24T10:20:00+00:00",
    "periods": [
        _period("before", 80_000, 12_000),
        _period("during", 128_000, 9_000, sales=12, median_error=0.31),
        _period("afterwards", 81_000, 12_100, versions=["4"], samples=[]),
    ],
}


@pytest.fixture
def found() -> dict[str, Any]:
    """What the watcher answers; tests may change it."""
    return deepcopy({"/incidents": [RECORD, OLD], "/incidents/7": INCIDENT})


@pytest.fixture(autouse=True)
def watcher(found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    async def answer(request: Request) -> Response:
        if request.url.path.startswith("/reports/"):
            return HTMLResponse("<h1>drawn</h1>")
        return JSONResponse(found[request.url.path])

    with serving(Starlette(routes=[Route("/{path:path}", answer)])) as client:
        monkeypatch.setenv("WATCHER_URL", str(client.base_url).rstrip("/"))
        yield client


def opened() -> AppTest:
    script = "from carvalue.web.views import show_incidents\nshow_incidents()"
    return AppTest.from_string(script, default_timeout=30).run()


def test_the_newest_incident_is_shown_from_the_alert_to_the_effect() -> None:
    shown = opened()

    said = texts(shown)
    assert [item.value for item in shown.subheader] == [
        "What happened",
        "What changed",
        "Effect",
        "Quotes from the journal",
        "Report",
        "History",
    ]
    assert "Visitors of the page: other cars are asked for" in said
    assert f"http://127.0.0.1:8080/dags/{RETRAINING}/runs/by-alarm-20261124T100100" in said
    assert f"http://127.0.0.1:5000/#/models/{MODEL_NAME}/versions/4" in said
    effect = shown.dataframe[1].value.set_index("figure")
    assert effect.loc["median price"].to_list() == ["$12,000", "$9,000", "$12,100"]
    assert effect.loc["median error of reported sales", "during"] == "31.0% (12)"
    assert effect.loc["odometer", "during"] == "median 128,000, 2% missing"
    assert shown.dataframe[2].value.loc[0, "trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert shown.dataframe[-1].value["to (UTC)"].to_list() == ["active", "2026-11-20 11:00"]


def test_an_incident_has_an_address(found: dict[str, Any]) -> None:
    past = {"record": OLD | {"evidence": {}}, "changed_at": "2026-11-20T10:00:00+00:00", "repaired_at": None}
    found["/incidents/3"] = past | {"periods": [_period("before", 1, 2, fields=[], samples=[], quotes=0)]}
    script = "from carvalue.web.views import show_incidents\nshow_incidents()"
    page = AppTest.from_string(script, default_timeout=30)
    page.query_params["incident"] = "3"

    shown = page.run()

    assert shown.selectbox[0].value == 3
    assert "it started no retraining" in texts(shown)
    assert "The journal has no such quotes" in texts(shown)


def test_without_incidents_the_page_says_so(found: dict[str, Any]) -> None:
    found["/incidents"] = []

    assert opened().success[0].value == "There has been no incident."


def test_the_links_name_what_the_platform_runs() -> None:
    assert (incidents.DAG, incidents.MODEL) == (RETRAINING, MODEL_NAME)
