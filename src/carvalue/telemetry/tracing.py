"""Spans: what a process does for a request, and for how long. Exported only if the settings ask for it."""

from contextlib import AbstractContextManager
from typing import Literal, Protocol

from carvalue.errors import AppError
from carvalue.settings import TracingSettings
from carvalue.trace_context import TraceContext, child_context, current_trace, enter_trace, leave_trace

SpanKind = Literal["internal", "server", "client"]


class ExporterMissing(AppError):
    """OTLP_URL is set, but the packages that export spans are not installed."""

    status, hint = 500, "Install them with `uv sync --extra tracing`, or leave OTLP_URL empty."


class Span(Protocol):
    """A piece of work."""

    def annotate(self, **attributes: str | int | list[str]) -> None:
        """Add attributes.

        Args:
            **attributes: Value by name; a double underscore stands for a dot.
        """


class Tracer(Protocol):
    """Opens spans."""

    def span(
        self, name: str, *, kind: SpanKind = "internal", parent: TraceContext | None = None
    ) -> AbstractContextManager[Span]:
        """Open a span for the work of a block, in which `current_trace` returns its context.

        Args:
            name: What is done, with few different values: a route, not a path.
            kind: Whether it answers a request, makes one, or neither.
            parent: The context of the caller; that of the surrounding block unless given.

        Returns:
            A context manager of the span.
        """

    def close(self) -> None:
        """Export what is left."""


class LocalSpan:
    """A span that is not exported. A class and no generator, because each quote opens one.

    Args:
        parent: The context of the caller; None to begin a trace.
    """

    __slots__ = ("_context", "_token")

    def __init__(self, parent: TraceContext | None) -> None:
        self._context = child_context(parent)

    def __enter__(self) -> "LocalSpan":
        """Enter the context of the span."""
        self._token = enter_trace(self._context)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        leave_trace(self._token)

    def annotate(self, **attributes: str | int | list[str]) -> None:
        """Do nothing.

        Args:
            **attributes: Value by name.
        """


class LocalTracer:
    """Gives work its ids, for logs and for the headers of requests. Nothing is exported.

    >>> with LocalTracer().span("GET /model"):
    ...     len(current_trace().trace_id)
    32
    """

    def span(
        self,
        name: str,  # noqa: ARG002  # nothing is exported
        *,
        kind: SpanKind = "internal",  # noqa: ARG002
        parent: TraceContext | None = None,
    ) -> LocalSpan:
        """Open a span.

        Args:
            name: What is done.
            kind: Whether it answers a request, makes one, or neither.
            parent: The context of the caller; that of the surrounding block unless given.

        Returns:
            A context manager of the span.
        """
        return LocalSpan(parent or current_trace())

    def close(self) -> None:
        """Do nothing."""


def open_tracer(process: str, settings: TracingSettings) -> Tracer:
    """Return what opens the spans of a process.

    Args:
        process: The name of the process, such as `price-service`.
        settings: OTLP_URL and OTLP_SHARE.

    Returns:
        A tracer; it exports spans if OTLP_URL is set.

    Raises:
        ExporterMissing: The packages that export spans are not installed.
    """
    if not settings.otlp_url:
        return LocalTracer()
    try:
        # importing the SDK takes longer than a start of the price service may take because of it
        from carvalue.telemetry.span_export import ExportingTracer  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExporterMissing(f"OTLP_URL is set, which needs the package {error.name}.") from None
    return ExportingTracer(process, url=settings.otlp_url, share=settings.otlp_share)
