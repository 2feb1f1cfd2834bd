"""The trace context of W3C: the ids that connect the log lines, journal rows and spans of one request.

https://www.w3.org/TR/trace-context/
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

HEADER = "traceparent"
_ASGI_HEADER = HEADER.encode()
_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_INVALID_VERSION = "ff"
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The position of a piece of work in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits, the same in every process that a request passes through.
        span_id: 16 hexadecimal digits, of this piece of work.
        is_sampled: Whether the spans of the trace are exported.

    >>> TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True).header
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    """

    trace_id: str
    span_id: str
    is_sampled: bool = False

    @property
    def header(self) -> str:
        """The value of the header `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


_current: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def parse_traceparent(value: str) -> TraceContext | None:
    """Parse the header `traceparent`.

    Args:
        value: The value of the header.

    Returns:
        The context of the caller; None if the value is malformed.

    >>> parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").span_id
    '00f067aa0ba902b7'
    >>> parse_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01") is None
    True
    """
    match = _FORMAT.fullmatch(value)
    if match is None or match[1] == _INVALID_VERSION or (match[1] == "00" and match[5]):
        return None
    trace_id, span_id = match[2], match[3]
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, bool(int(match[4], 16) & _SAMPLED))


def caller_trace(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """Take the trace context of the caller from the headers of its request.

    Args:
        headers: Names in lower case, and values, as ASGI has them.

    Returns:
        The value of `traceparent`; None without one, or if it is malformed.
    """
    for name, value in headers:
        if name == _ASGI_HEADER:
            return parse_traceparent(value.decode("latin-1"))
    return None


def child_context(parent: TraceContext | None) -> TraceContext:
    """Make the context of a new piece of work.

    Args:
        parent: The context that it belongs to; None to begin a trace, which is then not sampled.

    Returns:
        The context with a random span id, and a random trace id without a parent.
    """
    if parent is None:
        digits = os.urandom(24).hex()
        return TraceContext(digits[:32], digits[32:])
    return TraceContext(parent.trace_id, os.urandom(8).hex(), parent.is_sampled)


def current_trace() -> TraceContext | None:
    """Return the context of the work that runs now.

    Returns:
        The context; None outside of `in_trace`.
    """
    return _current.get()


def enter_trace(context: TraceContext) -> Token[TraceContext | None]:
    """Begin to work in a context.

    Args:
        context: What `current_trace` returns from now on.

    Returns:
        What `leave_trace` takes.
    """
    return _current.set(context)


def leave_trace(token: Token[TraceContext | None]) -> None:
    """End the work in a context.

    Args:
        token: What `enter_trace` returned.
    """
    _current.reset(token)


@contextmanager
def in_trace(context: TraceContext) -> Iterator[None]:
    """Do the work of the block in a context.

    Args:
        context: What `current_trace` returns in the block, also in its tasks and in `asyncio.to_thread`.

    Yields:
        None.
    """
    token = enter_trace(context)
    try:
        yield
    finally:
        leave_trace(token)
