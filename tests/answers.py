"""Answers of the price service for tests of its clients: the documented examples, with changes."""

from typing import Any

import msgspec

from carvalue.api import ExplainedQuote, Quote
from carvalue.api.examples import EXPLAINED_QUOTE, PROBLEM, QUOTE


def a_quote(**changes: Any) -> Quote:
    """Return the documented quote with other values, which may be JSON values."""
    return msgspec.convert(msgspec.to_builtins(QUOTE) | changes, Quote)


def a_quote_json(**changes: Any) -> dict[str, Any]:
    """Return the documented quote with other values, as JSON."""
    return msgspec.to_builtins(QUOTE) | changes


def explained(*, comparables: list[dict[str, Any]], reasons: dict[str, Any], quote: Quote) -> ExplainedQuote:
    """Return a quote with reasons and similar cars; steps may lack group and fields."""
    steps = [{"group": "odometer", "fields": []} | step for step in reasons["items"]]
    answer = msgspec.to_builtins(EXPLAINED_QUOTE) | {
        "quote": msgspec.to_builtins(quote),
        "reasons": reasons | {"items": steps},
        "comparables": comparables,
    }
    return msgspec.convert(answer, ExplainedQuote)


def a_problem(**changes: Any) -> dict[str, Any]:
    """Return the documented problem with other values, as JSON."""
    problem: dict[str, Any] = msgspec.to_builtins(PROBLEM) | changes
    return problem if "errors" in changes else {k: v for k, v in problem.items() if k != "errors"}
