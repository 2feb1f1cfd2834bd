"""Each request of the page has a trace, and its log line holds no id of a quote."""

import logging

import httpx
import pytest

from carvalue.telemetry import LocalTracer
from carvalue.trace_context import current_trace, parse_traceparent
from carvalue.web.client.tracing import TracedTransport

QUOTE_ID = "a" * 32


def test_requests_of_one_action_share_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    tracer = LocalTracer()
    transport = TracedTransport(tracer, transport=httpx.MockTransport(answer))
    with (
        caplog.at_level(logging.INFO, "carvalue"),
        httpx.Client(base_url="http://prices:9696", transport=transport) as client,
        tracer.span("page value", kind="server"),
    ):
        client.get(f"/v1/quotes/{QUOTE_ID}", params={"secret": QUOTE_ID})
        client.post("/v1/predict", json={})
        action = current_trace()

    contexts = [parse_traceparent(request.headers["traceparent"]) for request in sent]
    assert action
    assert [context and context.trace_id for context in contexts] == [action.trace_id] * 2
    assert len({context and context.span_id for context in contexts} | {action.span_id}) == 3
    fields = [vars(record) for record in caplog.records]
    assert [item["to"] for item in fields] == ["prices:9696/quotes", "prices:9696/predict"]
    assert QUOTE_ID not in str(fields)


def test_a_request_outside_of_an_action_begins_a_trace() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    transport = TracedTransport(LocalTracer(), transport=httpx.MockTransport(answer))
    with httpx.Client(base_url="http://watcher", transport=transport) as client:
        client.get("/alerts")
        client.get("/alerts")

    assert len({request.headers["traceparent"] for request in sent}) == 2
