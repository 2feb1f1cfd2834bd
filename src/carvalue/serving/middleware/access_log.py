"""The access log: one line of JSON for each request, without addresses, keys and what clients send."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import TextIO

FLUSH_WITHIN_S = 0.2  # after an answer
# several lines are written at once, because a write for each request would cost more than all other work on
# its line; eight lines fit into the 4 KB that a pipe takes atomically, so lines of several workers never mix
LINES_AT_ONCE = 8

logger = logging.getLogger(__name__)


class AccessLog:
    """Collects lines and writes them together. A line that cannot be written is dropped.

    Args:
        stream: where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_failing = False

    def add(
        self,
        *,
        request_id: str,
        trace_id: str,
        span_id: str,
        client: str | None,
        method: str,
        route: str,
        status: int,
        seconds: float,
        size: int,
    ) -> None:
        """Add the line of one request. No text may hold a character that JSON escapes.

        Args:
            request_id: see `request_ids`.
            trace_id: the trace of the request, 32 hexadecimal digits.
            span_id: the span of the request, 16 hexadecimal digits.
            client: name of the client that the key belongs to; None without a key.
            method: HTTP method.
            route: the route as the metrics name it, not the path of the request.
            status: HTTP status of the answer.
            seconds: from the head of the request to the end of the answer.
            size: bytes of the answer's body.
        """
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        client_json = "null" if client is None else f'"{client}"'
        # formatted by hand, because structlog's JSON renderer takes four times as long
        self._lines.append(
            f'{{"time": "{moment}", "request_id": "{request_id}", "trace_id": "{trace_id}", '
            f'"span_id": "{span_id}", "client": {client_json}, "method": "{method}", '
            f'"route": "{route}", "status": {status}, "ms": {seconds * 1000:.2f}, '
            f'"bytes": {size}}}\n'
        )
        if len(self._lines) == LINES_AT_ONCE:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_WITHIN_S, self._flush_by_timer)

    def flush(self) -> None:
        """Write the collected lines."""
        lines, self._lines = self._lines, []
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except OSError as error:
            if not self._is_failing:
                logger.warning("the access log cannot be written", extra={"because": str(error)})
            self._is_failing = True
        else:
            self._is_failing = False

    def _flush_by_timer(self) -> None:
        self._timer = None
        self.flush()
