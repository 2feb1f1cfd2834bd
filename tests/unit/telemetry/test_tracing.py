"""Spans are exported only if the settings ask for it; otherwise OpenTelemetry is not even imported."""

import subprocess
import sys

import pytest

from carvalue.settings import TracingSettings
from carvalue.telemetry import ExporterMissing, LocalTracer, open_tracer
from carvalue.trace_context import TraceContext, current_trace

CALLER = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)


def test_a_process_that_exports_nothing_does_not_import_opentelemetry() -> None:
    program = (
        "import sys; from carvalue.settings import TracingSettings as Group;"
        "from carvalue.telemetry import open_tracer;"
        "open_tracer('watcher', Group(otlp_url=''));"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_an_export_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "carvalue.telemetry.span_export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ExporterMissing, match="uv sync --extra tracing"):
        open_tracer("watcher", TracingSettings(otlp_url="http://localhost:4318"))


def test_a_span_continues_the_trace_of_its_caller_and_ends_with_its_block() -> None:
    with LocalTracer().span("POST /predict", kind="server", parent=CALLER):
        outer = current_trace()
        with LocalTracer().span("quote"):
            inner = current_trace()

    assert outer
    assert inner
    assert (outer.trace_id, outer.is_sampled) == (inner.trace_id, inner.is_sampled) == (CALLER.trace_id, True)
    assert len({CALLER.span_id, outer.span_id, inner.span_id}) == 3
    assert current_trace() is None
