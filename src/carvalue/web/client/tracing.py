"""The traces of the page: one for each action of a visitor, from the page's script to the services."""

import logging
import time
from functools import cache

import httpx

from carvalue.settings import PageSettings, load_settings
from carvalue.telemetry import Tracer, open_tracer
from carvalue.trace_context import HEADER, current_trace

PREFIX = "/v1"  # of all routes of the price service

logger = logging.getLogger(__name__)


@cache
def page_tracer() -> Tracer:
    """Return what opens the spans of the page, shared by all visitors.

    Returns:
        The tracer; it exports spans if OTLP_URL is set.
    """
    return open_tracer("page", load_settings(PageSettings))


class TracedTransport(httpx.BaseTransport):
    """Sends requests with the header `traceparent`, and logs each without its query and its ids.

    Args:
        tracer: Opens a span for each request.
        level: The level of the line that is logged for each request.
        transport: Sends the requests; the network unless given.
    """

    def __init__(
        self, tracer: Tracer, *, level: int = logging.INFO, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._tracer, self._level = tracer, level
        self._transport = transport or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Args:
            request: The request; its headers are changed.

        Returns:
            The answer.
        """
        started = time.perf_counter()
        # the first segment without the version; the rest may be the id of a quote
        path = f"/{request.url.path.removeprefix(PREFIX).split('/')[1]}"
        with self._tracer.span(f"{request.method} {path}", kind="client") as span:
            if own := current_trace():
                request.headers[HEADER] = own.header
            response = self._transport.handle_request(request)
            span.annotate(
                http__request__method=request.method, http__response__status_code=response.status_code
            )
            fields = {
                "method": request.method,
                "to": f"{request.url.host}:{request.url.port}{path}",
                "status": response.status_code,
                "ms": round((time.perf_counter() - started) * 1_000, 1),
            }
            logger.log(self._level, "request", extra=fields)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
