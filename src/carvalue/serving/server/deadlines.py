"""Time limits of connections: who sends or reads too slowly is cut off, who waits between requests is not.

uvicorn has one limit, for the time between two requests. Without more, a client that sends a byte a second
holds its connection for ever, and enough of them hold every file handle of the process, those of the spool
included.
"""

import asyncio
import json
import resource
from functools import cache
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from carvalue.telemetry import ServiceMetrics

HEAD_S = 10.0  # for a whole request head; it fits into one packet, a slow phone's too
BODY_S = 15.0  # ahead of the least rate, and after the limit of routes that read one, which say more
LEAST_BYTES_S = 10_000  # of a body
ANSWER_S = 60.0  # for some of an answer to be read, once the buffers of both ends are full: as for a batch
LOOK_S = 5.0  # between two looks at a connection that owes nothing

MOST_HEAD_BYTES = 65_536  # of a request line with its headers; the parser itself would keep as many as come
MOST_WAITING = 64  # requests of one connection that came before earlier ones were answered

RESERVED_HANDLES = 128  # for the spool, the journal, the model, the registry, logs
MOST_CONNECTIONS = 10_000


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. Requests only note by when something is due; one timer looks, now and then."""

    _due: float | None = None
    _answer_due: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _began = False
    _head_bytes = 0  # that came since something else than a head did

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless there are too many who do."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections.", "crowded")
        self._due = self.loop.time() + HEAD_S
        self._timer = self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for a request from its first byte on, be it an empty line."""
        if self._due is None and (self.cycle is None or self.cycle.response_complete):
            self._due = self.loop.time() + HEAD_S
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too large.", "large")

    def on_message_begin(self) -> None:
        """Wait for the rest of the head.

        Raises:
            ValueError: too many requests wait already; the parser stops at it, and the connection ends.
        """
        if len(self.pipeline) >= MOST_WAITING:
            raise ValueError
        super().on_message_begin()
        self._began, self._due = True, self.loop.time() + HEAD_S

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._began, self._head_bytes, self._due = False, 0, self.loop.time() + BODY_S
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Wait longer for what is large and comes fast enough."""
        self._head_bytes = 0
        if self._due is not None:
            self._due = min(self._due + len(body) / LEAST_BYTES_S, self.loop.time() + BODY_S)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: the application has the floor."""
        self._head_bytes, self._due = 0, None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._answer_due = self.loop.time() + ANSWER_S
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._answer_due = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form of every other refusal."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg, "malformed")

    def _refuse(self, status: HTTPStatus, detail: str, reason: str) -> None:
        self._metrics.rejected.labels(reason).inc()
        self.transport.write(_problem(status, detail))
        self.transport.close()

    @property
    def _metrics(self) -> ServiceMetrics:
        metrics: ServiceMetrics = self.app_state["service"].metrics
        return metrics

    def _look(self) -> None:
        """Cut the connection off if something is overdue; look again when something may be."""
        now = self.loop.time()
        if self.flow.read_paused and self._due is not None:  # it is we who do not read
            self._due = now + BODY_S
        if self.transport.is_closing() and self._answer_due is None:
            self._answer_due = now + ANSWER_S  # the rest of the last answer may never be read
        due = [moment for moment in (self._due, self._answer_due) if moment is not None]
        if any(moment <= now for moment in due):
            self._cut()
        else:
            self._timer = self.loop.call_later(min([LOOK_S, *(at - now for at in due)]), self._look)

    def _cut(self) -> None:
        """Close, with the reason where no answer is under way; what is then not read is let go later on."""
        self._metrics.rejected.labels("slow").inc()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        if self._began and not self.transport.is_closing():
            self.transport.write(_problem(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time."))
        self.transport.close()
        self._timer = self.loop.call_later(LOOK_S, self.transport.abort)


@cache
def most_connections() -> int:
    """How many connections leave enough file handles for what must not fail."""
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, handles - RESERVED_HANDLES) if handles > 0 else MOST_CONNECTIONS


def _problem(status: HTTPStatus, detail: str) -> bytes:
    """Spell an answer to what never became a request."""
    told = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    body = json.dumps(told | {"hint": "Send one whole HTTP/1.1 request at once."})
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    return f"{head}content-type: application/problem+json\r\n\r\n{body}".encode()
