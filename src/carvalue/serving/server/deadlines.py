"""The HTTP/1.1 protocol of a connection: deadlines, limits, and what uvicorn does not do by itself.

A client that sends or reads too slowly is disconnected, an idle one is not.

uvicorn has one limit, for the time between two requests. Without more limits, a client that sends a byte a
second keeps its connection for ever (the Slowloris attack); enough such clients use up every file handle of
the process, and the outbox of the journal cannot be opened any more.

Offers of another protocol (`Upgrade: h2c`) are ignored, as RFC 9110 (section 7.8) allows, and the request is
answered. A client that has sent its last request and closed its half of the connection gets its answers.
Requests before one that cannot be accepted are answered before it is refused.
"""

import asyncio
import json
import resource
from functools import cache
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from carvalue.telemetry import ServiceMetrics

HEAD_S = 10.0  # for a whole request head, which fits into one packet
BODY_S = 15.0  # allowance above the minimum rate; longer than the limit of routes, whose answer says more
MIN_BYTES_PER_S = 10_000  # of a body
ANSWER_S = 60.0  # for a client to read some of an answer, once the buffers of both ends are full
CHECK_S = 5.0  # between two checks of a connection without a deadline

MAX_HEAD_BYTES = 65_536  # of a request line with its headers; the parser itself has no limit
MAX_PIPELINED = 64  # requests of one connection that wait for earlier ones to be answered

RESERVED_HANDLES = 128  # file handles for the outbox, the journal, the model, the registry and logs
MAX_CONNECTIONS = 10_000


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. Events of a request only set a deadline; one timer per connection checks it."""

    _due: float | None = None
    _answer_due: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _began = False
    _head_bytes = 0  # since the last byte that did not belong to a head
    _refusal: str | None = None  # to be sent after the answers to earlier requests; what comes is not read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Set the deadline for the first request, or refuse the connection if there are too many.

        Args:
            transport: the connection.
        """
        super().connection_made(transport)
        if len(self.connections) > max_connections():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections.", "crowded")
        self._due = self.loop.time() + HEAD_S
        self._timer = self.loop.call_later(CHECK_S, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer.

        Args:
            exc: why the connection ended; None if it was closed.
        """
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Set the deadline for a head at the first byte of a request, and limit its size.

        Args:
            data: bytes that came.
        """
        if self._refusal is not None:
            return
        if self._due is None and not self._is_answering:
            self._due = self.loop.time() + HEAD_S
        self._head_bytes += len(data)
        self._unset_keepalive_if_required()
        self._parse(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too large.", "large")

    def on_message_begin(self) -> None:
        """Set the deadline for the rest of the head.

        Raises:
            ValueError: too many requests are waiting; the parser stops, and the connection ends after the
                answers to them.
        """
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError
        super().on_message_begin()
        self._began, self._due = True, self.loop.time() + HEAD_S

    def on_headers_complete(self) -> None:
        """Set the deadline for the body."""
        self._began, self._head_bytes, self._due = False, 0, self.loop.time() + BODY_S
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Extend the deadline for a body that comes fast enough.

        Args:
            body: a part of the body.
        """
        self._head_bytes = 0
        if self._due is not None:
            self._due = min(self._due + len(body) / MIN_BYTES_PER_S, self.loop.time() + BODY_S)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Clear the deadline while the application works on the request."""
        self._head_bytes, self._due = 0, None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the next request; after the last answer, send a refusal that has waited."""
        super().on_response_complete()
        if self._refusal is not None and not self._is_answering and not self.transport.is_closing():
            self._refuse(HTTPStatus.BAD_REQUEST, self._refusal, "malformed")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection of a client that sends nothing more until its requests are answered.

        Returns:
            Whether the connection stays open for answers.
        """
        if not self._is_answering or self.cycle.more_body:  # the rest of a body will not come
            return False
        self.cycle.keep_alive = False  # of the newest request: its answer is the last
        return True

    def pause_writing(self) -> None:
        """Set the deadline for the client to read."""
        self._answer_due = self.loop.time() + ANSWER_S
        super().pause_writing()

    def resume_writing(self) -> None:
        """Clear the deadline for reading: the client has read."""
        self._answer_due = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP with a problem, after the answers to earlier requests.

        Args:
            msg: what the parser found.
        """
        if self._is_answering and not self.cycle.more_body:
            self._refusal = msg
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg, "malformed")

    def _parse(self, data: bytes) -> None:
        """Parse like uvicorn, but parse a request that offers an upgrade again, without the offer."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._should_upgrade():
                rest = data[offer.args[0] :]
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
                self._parse(head + rest)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _should_upgrade(self) -> bool:
        """Whether the parser leaves HTTP; then uvicorn starts no request. `CONNECT` offers nothing."""
        return bool(self.parser.should_upgrade()) and self.scope["method"] != "CONNECT"

    def _head_without_upgrade(self) -> bytes:
        """Build the head again; without `Upgrade`, llhttp ignores `upgrade` in `Connection`."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.scope["method"].encode(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join((*lines, b"", b""))

    @property
    def _is_answering(self) -> bool:
        """Whether a request waits for its answer or for its turn."""
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: HTTPStatus, detail: str, reason: str) -> None:
        self._metrics.rejected.labels(reason).inc()
        self.transport.write(_problem(status, detail))
        self.transport.close()

    @property
    def _metrics(self) -> ServiceMetrics:
        metrics: ServiceMetrics = self.app_state["service"].metrics
        return metrics

    def _check(self) -> None:
        """Disconnect if a deadline has passed; otherwise check again at the next one."""
        now = self.loop.time()
        if self.flow.read_paused and self._due is not None:  # the service itself does not read
            self._due = now + BODY_S
        if self.transport.is_closing() and self._answer_due is None:
            self._answer_due = now + ANSWER_S  # the rest of the last answer may never be read
        due = [moment for moment in (self._due, self._answer_due) if moment is not None]
        if any(moment <= now for moment in due):
            self._disconnect()
        else:
            self._timer = self.loop.call_later(min([CHECK_S, *(at - now for at in due)]), self._check)

    def _disconnect(self) -> None:
        """Close the connection, with a problem if no answer is being sent; abort it if nothing is read."""
        self._metrics.rejected.labels("slow").inc()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        if self._began and not self.transport.is_closing():
            self.transport.write(_problem(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time."))
        self.transport.close()
        self._timer = self.loop.call_later(CHECK_S, self.transport.abort)


@cache
def max_connections() -> int:
    """Compute how many connections leave enough file handles for everything else.

    Returns:
        The limit of open files less the reserved ones; at most `MAX_CONNECTIONS`.
    """
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CONNECTIONS, handles - RESERVED_HANDLES) if handles > 0 else MAX_CONNECTIONS


def _problem(status: HTTPStatus, detail: str) -> bytes:
    """Format an HTTP answer by hand: there is no request that FastAPI could answer."""
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    body = json.dumps(problem | {"hint": "Send one whole HTTP/1.1 request at once."})
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    return f"{head}content-type: application/problem+json\r\n\r\n{body}".encode()
