"""Counts and times every request; unknown paths share one label, so that nobody can fill the metrics."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carvalue.monitoring.metrics import ServiceMetrics

OTHER = "other"


class Metering:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, metrics: ServiceMetrics, routes: frozenset[str]) -> None:
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, note its status and its time."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, noting = time.perf_counter(), _StatusNote(send)
        try:
            await self._app(scope, receive, noting)
        finally:
            route = scope["path"] if scope["path"] in self._routes else OTHER
            self._metrics.requests.labels(route, str(noting.status)).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - began)


class _StatusNote:
    """A `send` that remembers the status; 500 stands for an answer that never began."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
