"""What surrounds every request: its id, the headers of its answer, its line in the log, its metrics."""

import time
from collections.abc import Awaitable

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carvalue.serving.middleware.access_log import AccessLog
from carvalue.serving.middleware.request_ids import request_id
from carvalue.serving.middleware.security_headers import HeaderPairs, SecurityHeaders
from carvalue.telemetry import ServiceMetrics

OTHER = "other"  # unknown paths share one label, so that nobody can fill the metrics
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ObservabilityMiddleware:
    """The outermost ASGI application: around FastAPI, and so around its answers to faults as well."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ServiceMetrics,
        routes: frozenset[str],
        headers: SecurityHeaders,
        log: AccessLog,
    ) -> None:
        self._app, self._metrics, self._routes, self._headers, self._log = app, metrics, routes, headers, log
        self._meters: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its id as `scope["request_id"]`; note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        scope["request_id"] = named = request_id(scope["headers"])
        answer = _Answer(send, ((b"x-request-id", named.encode()), *self._headers.of(scope["path"])))
        try:
            await self._app(scope, receive, answer)
        finally:
            self._note(scope, answer, time.perf_counter() - began)

    def _note(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        route = scope["path"] if scope["path"] in self._routes else OTHER
        requests, times = self._meters.get((route, answer.status)) or self._new_meters(route, answer.status)
        requests.inc()
        times.observe(seconds)
        self._log.note(
            request_id=scope["request_id"],
            client=scope.get("client_name"),
            method=scope["method"] if scope["method"] in METHODS else OTHER,
            route=route,
            status=answer.status,
            seconds=seconds,
            size=answer.size,
        )

    def _new_meters(self, route: str, status: int) -> tuple[Counter, Histogram]:
        """Find the two by their labels once: that takes longer than to count."""
        meters = (
            self._metrics.requests.labels(route, str(status)),
            self._metrics.request_seconds.labels(route),
        )
        self._meters[route, status] = meters
        return meters


class _Answer:
    """A `send` that adds headers and remembers status and size; 500 stands for an answer that never began."""

    __slots__ = ("_headers", "_send", "size", "status")

    def __init__(self, send: Send, headers: HeaderPairs) -> None:
        self._send, self._headers, self.status, self.size = send, headers, 500, 0

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = (*message.get("headers", ()), *self._headers)
        return self._send(message)
