"""One trace leads from a visitor's request on the page to the alert that it helped to raise."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from carvalue.client import PriceServiceClient
from carvalue.files import LocalFolder
from carvalue.journal import Journal, JournalCursor, JournalEntry, LeasedState
from carvalue.logs import log_formatter
from carvalue.monitoring.alerting import AlertStore
from carvalue.monitoring.drift import publish_reference
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from carvalue.telemetry import Tracer, open_tracer
from carvalue.trace_context import current_trace
from carvalue.web.client.tracing import TracedTransport
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_bundle, a_market
from servers import serving
from waiting import until

INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)
CLEAN, CHANGED = 900, 600


@contextmanager
def a_collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve OTLP over HTTP; give its URL and the spans that arrive."""
    spans: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
            for resource in request.resource_spans:
                process = {item.key: item.value.string_value for item in resource.resource.attributes}
                for span in [span for scope in resource.scope_spans for span in scope.spans]:
                    ids = {"trace": span.trace_id.hex(), "span": span.span_id.hex()}
                    ids["parent"] = span.parent_span_id.hex()
                    spans.append({"process": process["service.name"], "name": span.name, **ids})
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def logged() -> Iterator[StringIO]:
    """Collect the log of this process as its programs write it."""
    stream, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(log_formatter())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def events(stream: StringIO, message: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [event for event in found if event["message"] == message]


def ask(page: PriceServiceClient, tracer: Tracer, listings: list[dict[str, Any]]) -> str:
    """Ask for prices as one action on the page; give the trace of the action."""
    with tracer.span("page many", kind="server"):
        page.quotes(listings)
        trace = current_trace()
    assert trace
    return trace.trace_id


def watch(folder: Path, journal: Journal, registry: FakeRegistry, tracer: Tracer) -> Watcher:
    a_market(rows=6_000, seed=5).write_parquet(folder / "train.parquet")
    publish_reference(folder / "train.parquet", fingerprint="f00d", root=folder / "reference")
    return Watcher(
        journal=journal,
        state=LeasedState(journal, "watcher", "only"),
        registry=registry,
        references=LocalFolder(folder / "reference"),
        folder=folder / "watcher",
        alert_store=AlertStore(folder / "watcher" / "alerts.db", ()),
        reports=ReportFolder(LocalFolder(folder / "watcher" / "reports")),
        metrics=WatcherMetrics(),
        tracer=tracer,
        clock=lambda: datetime.now(UTC) + timedelta(minutes=1),
    )


def recorded(journal: Journal) -> list[JournalEntry]:
    return journal.arrived(JournalCursor(), until=datetime.now(UTC), limit=5_000).entries


def test_one_trace_id_is_in_every_log_in_the_journal_and_at_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReportFolder, "request", lambda *_, **__: "a-report.html")
    registry, access_log = FakeRegistry(), StringIO()
    registry.promote(a_bundle(tmp_path / "bundle"), version=1)
    listings = a_market(rows=CLEAN + CHANGED, seed=6).select(INPUTS)
    clean, changed = listings[:CLEAN].to_dicts(), listings[CLEAN:].with_columns(odometer=pl.lit(None))

    with a_collector() as (url, spans), logged() as log:
        settings = Settings(state_dir=tmp_path, otlp_url=url)
        with (
            serving(create_app(settings, registry=registry, access_log=access_log)) as http,
            closing(open_tracer("page", settings)) as page_tracer,
            closing(open_tracer("watcher", settings)) as watcher_tracer,
            closing(TracedTransport(page_tracer)) as transport,
        ):
            until(lambda: http.get("/readyz").is_success)
            headers = {"X-Channel": "page"}
            page = PriceServiceClient(str(http.base_url), headers=headers, transport=transport)
            ask(page, page_tracer, clean)
            trace = ask(page, page_tracer, changed.to_dicts())
            journal = Journal(settings.journal_url.get_secret_value())
            until(lambda: len(recorded(journal)) == CLEAN + CHANGED)
            with closing(watch(tmp_path, journal, registry, watcher_tracer)) as watcher:
                watcher.step()
                (incident,) = watcher.incidents.newest(9)
    lines = [json.loads(line) for line in access_log.getvalue().splitlines()]

    (requested,) = [event for event in events(log, "request") if event["trace_id"] == trace]
    (answered,) = [line for line in lines if line["trace_id"] == trace]
    (alerted,) = events(log, "alert")
    assert requested["to"].endswith("/predict")
    assert (answered["route"], answered["request_id"]) == ("/predict", trace)
    assert {entry.trace_id for entry in recorded(journal)[CLEAN:]} == {trace}
    assert trace in alerted["trace_ids"]
    assert trace in incident.evidence["trace_ids"]
    action, sent, served = (
        next(span for span in spans if span["trace"] == trace and (span["process"], span["name"]) == wanted)
        for wanted in (("page", "page many"), ("page", "POST /predict"), ("price-service", "POST /predict"))
    )
    assert (sent["parent"], served["parent"]) == (action["span"], sent["span"])
    assert answered["span_id"] == served["span"]
    assert [span["process"] for span in spans if span["name"] == "check quotes"] == ["watcher"]
    assert alerted["trace_id"] in {span["trace"] for span in spans if span["process"] == "watcher"}
