"""ASGI middleware that continues the trace of each request."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from carvalue.telemetry.tracing import Tracer
from carvalue.trace_context import caller_trace

if TYPE_CHECKING:  # commands that only read the rules of alerts start without Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

OTHER = "other"  # one name for all unknown paths


class TracingMiddleware:
    """ASGI middleware that opens a span for each request, as a child of the span in `traceparent`.

    Args:
        app: The application that requests are passed to.
        tracer: Opens the spans.
        routes: The first segments of the paths, which name the spans.
    """

    def __init__(self, app: "ASGIApp", *, tracer: Tracer, routes: Collection[str]) -> None:
        self._app, self._tracer, self._routes = app, tracer, frozenset(routes)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on within its span.

        Args:
            scope: The connection, as ASGI defines it.
            receive: Reads the request.
            send: Sends the answer.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        first = scope["path"].split("/")[1]
        route = f"/{first}" if first in self._routes else OTHER
        with self._tracer.span(
            f"{scope['method']} {route}", kind="server", parent=caller_trace(scope["headers"])
        ):
            await self._app(scope, receive, send)
