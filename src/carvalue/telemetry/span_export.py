"""Export spans with the SDK of OpenTelemetry, as OTLP over HTTP. No other module imports OpenTelemetry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)

from carvalue.trace_context import TraceContext, current_trace, in_trace

PATH = "/v1/traces"
KINDS: Mapping[str, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}


class ExportingTracer:
    """Opens spans and exports them in the background; while the collector is unavailable, spans are dropped.

    Args:
        process: The name of the process; the attribute `service.name`.
        url: The base URL of an OpenTelemetry collector.
        share: The share of the traces that begin here and are exported, from 0 to 1. A trace that began
            elsewhere is exported if its `traceparent` says so.
    """

    def __init__(self, process: str, *, url: str, share: float) -> None:
        resource = Resource.create({"service.name": process, "service.version": version("carvalue")})
        self._provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(share)))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}{PATH}")))
        self._tracer = self._provider.get_tracer("carvalue")

    @contextmanager
    def span(
        self, name: str, *, kind: str = "internal", parent: TraceContext | None = None
    ) -> Iterator["_ExportedSpan"]:
        """Open a span for the work of a block.

        Args:
            name: What is done.
            kind: `internal`, `server` or `client`.
            parent: The context of the caller; that of the surrounding block unless given.

        Yields:
            The span.
        """
        context = _as_opentelemetry(parent or current_trace())
        # an exception's text may hold what a client sent
        with self._tracer.start_as_current_span(
            name, context=context, kind=KINDS[kind], record_exception=False
        ) as span:
            own = span.get_span_context()
            ids = format_trace_id(own.trace_id), format_span_id(own.span_id)
            with in_trace(TraceContext(*ids, own.trace_flags.sampled)):
                yield _ExportedSpan(span)

    def close(self) -> None:
        """Export what is left, and stop."""
        self._provider.shutdown()


class _ExportedSpan:
    def __init__(self, span: Span) -> None:
        self._span = span

    def annotate(self, **attributes: str | int | list[str]) -> None:
        """Add attributes.

        Args:
            **attributes: Value by name; a double underscore stands for a dot.
        """
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)


def _as_opentelemetry(parent: TraceContext | None) -> Context:
    if parent is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT)
    context = SpanContext(
        int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags
    )
    return set_span_in_context(NonRecordingSpan(context))
