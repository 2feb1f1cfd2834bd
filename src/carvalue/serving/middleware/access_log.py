"""The access log: a line of JSON for each request, without addresses, keys and what people sent."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import TextIO

LATEST_S = 0.2  # from an answer to its line
# one write for several requests, since a write each would cost more than all else here, and not more of them
# than fit into the 4 KB that a pipe takes whole: so lines of several workers never mix
LINES_AT_ONCE = 10

logger = logging.getLogger(__name__)


class AccessLog:
    """Gathers lines and writes them together; what cannot be written is dropped, since quotes go first."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_failing = False

    def note(
        self,
        *,
        request_id: str,
        client: str | None,
        method: str,
        route: str,
        status: int,
        seconds: float,
        size: int,
    ) -> None:
        """Add a request; every text must be free of what JSON would escape.

        Args:
            request_id: see `request_ids`.
            client: the name that the caller's key stands for, if it has one.
            method: of HTTP.
            route: as the metrics name it, not as it came.
            status: of the answer.
            seconds: from the request's head to the end of its answer.
            size: of the answer's body, in bytes.
        """
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        named = "null" if client is None else f'"{client}"'
        # spelled by hand: `json.dumps` takes three times as long
        self._lines.append(
            f'{{"time": "{moment}", "request_id": "{request_id}", "client": {named}, "method": "{method}", '
            f'"route": "{route}", "status": {status}, "ms": {seconds * 1000:.2f}, "bytes": {size}}}\n'
        )
        if len(self._lines) == LINES_AT_ONCE:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATEST_S, self._flush_late)

    def flush(self) -> None:
        """Write what has gathered."""
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

    def _flush_late(self) -> None:
        self._timer = None
        self.flush()
