"""The access log: one line for each request, without anything that the client sent."""

import asyncio
import json
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.serving.app import create_app
from carvalue.serving.middleware.access_log import LINES_AT_ONCE, AccessLog
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

LINE: dict[str, Any] = {
    "request_id": "a-1",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "client": None,
    "method": "GET",
    "route": "/model",
    "status": 200,
    "seconds": 0.0123,
    "size": 77,
}


def note(log: AccessLog, times: int, **changes: object) -> None:
    async def inside_a_loop() -> None:
        for _ in range(times):
            log.add(**LINE | changes)

    asyncio.run(inside_a_loop())


def test_a_line_is_buffered_only_briefly() -> None:
    stream = StringIO()

    async def one_request() -> str:
        AccessLog(stream).add(**LINE)
        at_once = stream.getvalue()
        async with asyncio.timeout(10):
            while not stream.getvalue():
                await asyncio.sleep(0.01)
        return at_once

    assert asyncio.run(one_request()) == ""
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "request_id": "a-1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "client": None,
        "method": "GET",
        "route": "/model",
        "status": 200,
        "ms": 12.3,
        "bytes": 77,
    }


def test_lines_are_written_in_blocks_of_at_most_an_atomic_pipe_write() -> None:
    stream = StringIO()

    note(AccessLog(stream), LINES_AT_ONCE, request_id="x" * 128, client="c" * 64, route="/r" * 20)

    assert len(stream.getvalue().splitlines()) == LINES_AT_ONCE
    assert len(stream.getvalue()) <= 4096


def test_an_unwritable_log_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    class Full(StringIO):
        def flush(self) -> None:
            raise OSError("no space left")

    with caplog.at_level(logging.WARNING, "carvalue"):
        note(AccessLog(Full()), 3 * LINES_AT_ONCE)

    assert [record.message for record in caplog.records] == ["the access log cannot be written"]


def test_the_log_contains_no_request_content(bundle: Path, tmp_path: Path) -> None:
    registry, stream = FakeRegistry(), StringIO()
    registry.promote(bundle, version=1)
    app = create_app(Settings(state_dir=tmp_path), registry=registry, access_log=stream)

    with serving(app) as client:
        until(lambda: client.get("/readyz").is_success)
        priced = client.post("/predict", json=EXAMPLE, headers={"x-request-id": "mine"})
        client.get("/options", params={"make": "porsche"})
        client.get("/porsche")
        client.request("PROPFIND", "/model")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (quote,) = [line for line in lines if line["request_id"] == "mine"]
    assert (quote["method"], quote["route"], quote["status"]) == ("POST", "/predict", 200)
    assert quote["bytes"] == len(priced.content)
    assert quote["ms"] > 0
    assert [(line["route"], line["method"]) for line in lines[-3:]] == [
        ("/options", "GET"),
        ("other", "GET"),
        ("/model", "other"),
    ]
    assert not [word for word in ("porsche", "f-150", "127.0.0.1") if word in stream.getvalue()]
