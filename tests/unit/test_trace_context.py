"""A trace context is read and written as W3C defines it."""

import asyncio

import pytest
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from carvalue.trace_context import (
    TraceContext,
    caller_trace,
    child_context,
    current_trace,
    in_trace,
    parse_traceparent,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "value",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE}-{SPAN}-03",
        f"cc-{TRACE}-{SPAN}-01-what-comes-later",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0x",
        "",
        "two words",
    ],
)
def test_headers_are_read_as_opentelemetry_reads_them(value: str) -> None:
    propagated = get_current_span(TraceContextTextMapPropagator().extract({"traceparent": value}))
    expected = propagated.get_span_context()

    context = parse_traceparent(value)

    assert (context is not None) == expected.is_valid
    if context:
        assert int(context.trace_id, 16) == expected.trace_id
        assert int(context.span_id, 16) == expected.span_id
        assert context.is_sampled == expected.trace_flags.sampled


def test_a_child_has_the_trace_of_its_parent_and_a_span_of_its_own() -> None:
    parent = TraceContext(TRACE, SPAN, is_sampled=True)

    child = child_context(parent)

    assert (child.trace_id, child.is_sampled) == (TRACE, True)
    assert child.span_id != SPAN
    assert parse_traceparent(child.header) == child


def test_a_new_trace_is_valid_and_not_sampled() -> None:
    new = child_context(None)

    assert parse_traceparent(new.header) == new
    assert not new.is_sampled


def test_the_caller_is_found_among_the_headers() -> None:
    header = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())

    assert caller_trace([(b"host", b"localhost"), header]) == TraceContext(TRACE, SPAN, is_sampled=True)
    assert caller_trace([(b"traceparent", b"\xff")]) is None
    assert caller_trace([]) is None


def test_a_context_holds_in_its_block_and_in_threads_that_it_starts() -> None:
    context = child_context(None)

    async def in_another_thread() -> TraceContext | None:
        with in_trace(context):
            return await asyncio.to_thread(current_trace)

    assert asyncio.run(in_another_thread()) == context
    assert current_trace() is None
