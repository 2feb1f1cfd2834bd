"""Request ids, traces, security headers, the access log and metrics, for every request."""

import time
from collections.abc import Awaitable, Mapping

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carvalue.serving.middleware.access_log import AccessLog
from carvalue.serving.middleware.request_ids import request_id
from carvalue.serving.middleware.security_headers import HeaderPairs, security_headers
from carvalue.telemetry import ServiceMetrics, Span, Tracer
from carvalue.trace_context import caller_trace, child_context, current_trace

OTHER = "other"  # one label for all unknown paths, so that clients cannot create metrics without end
_CLOSE: HeaderPairs = ((b"connection", b"close"),)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ObservabilityMiddleware:
    """ASGI middleware, the outermost: it also sees the answers to unexpected errors.

    Args:
        app: the application that requests are passed to.
        metrics: counts and times requests.
        routes: path -> its name in metrics and log; requests of all others are `other`.
        log: takes a line for each request.
        tracer: opens a span for each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ServiceMetrics,
        routes: Mapping[str, str],
        log: AccessLog,
        tracer: Tracer,
    ) -> None:
        self._app, self._metrics, self._routes, self._log = app, metrics, routes, log
        self._tracer = tracer
        self._meters: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; count, time and log it.

        The scope then holds `request_id`, `trace_id` and `span_id`.

        Args:
            scope: the connection, as ASGI defines it.
            receive: reads the request.
            send: sends the answer.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        route = self._routes.get(scope["path"], OTHER)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        with self._tracer.span(
            f"{method} {route}", kind="server", parent=caller_trace(scope["headers"])
        ) as span:
            own = current_trace() or child_context(None)
            scope["trace_id"], scope["span_id"] = own.trace_id, own.span_id
            scope["request_id"] = own_id = request_id(scope["headers"], trace_id=own.trace_id)
            headers = ((b"x-request-id", own_id.encode()), *security_headers(scope["path"]), *_closing(scope))
            answer = _AnswerSend(send, headers)
            try:
                await self._app(scope, receive, answer)
            finally:
                route = scope.get("api_path") or route
                self._record(scope, answer, time.perf_counter() - started, route=route, method=method)
                _describe(span, scope, answer, route=route, method=method)

    def _record(
        self, scope: Scope, answer: "_AnswerSend", seconds: float, *, route: str, method: str
    ) -> None:
        requests, times = self._meters.get((route, answer.status)) or self._new_meters(route, answer.status)
        requests.inc()
        times.observe(seconds)
        self._log.add(
            request_id=scope["request_id"],
            client=scope.get("client_name"),
            trace_id=scope["trace_id"],
            span_id=scope["span_id"],
            method=method,
            route=route,
            status=answer.status,
            seconds=seconds,
            size=answer.size,
        )

    def _new_meters(self, route: str, status: int) -> tuple[Counter, Histogram]:
        """Look up the two metrics of these labels once: the look-up takes longer than to count."""
        meters = (
            self._metrics.requests.labels(route, str(status)),
            self._metrics.request_seconds.labels(route),
        )
        self._meters[route, status] = meters
        return meters


def _closing(scope: Scope) -> HeaderPairs:
    """End the connection of a request that offers another protocol.

    The server does not read its body, which would be taken for the next request.
    """
    return _CLOSE if any(name == b"upgrade" for name, _ in scope["headers"]) else ()


def _describe(span: Span, scope: Scope, answer: "_AnswerSend", *, route: str, method: str) -> None:
    """Add attributes of OpenTelemetry's semantic conventions of HTTP."""
    span.annotate(
        http__request__method=method,
        http__route=route,
        http__response__status_code=answer.status,
        carvalue__request_id=scope["request_id"],
    )


class _AnswerSend:
    """A `send` that adds headers and remembers status and size; 500 if the answer never begins."""

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
