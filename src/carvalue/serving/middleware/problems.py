"""Error answers as `application/problem+json` (RFC 9457): what is wrong, in which field, what to do."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from carvalue.api import FieldError, FieldProblem, InvalidListings, Problem
from carvalue.errors import AppError
from carvalue.serving.auth import TooManyRequests
from carvalue.serving.model import IN_USE_WITHIN_S
from carvalue.telemetry import ServiceMetrics

CHALLENGE = 'ApiKey realm="carvalue", header="X-API-Key"'
RETRY_AFTER_S = str(IN_USE_WITHIN_S)  # the longest reason for a 503 that ends by itself

logger = logging.getLogger(__name__)


class InternalProblem(AppError):
    """An unexpected error of the service; the answer has no details of it."""

    status, hint = 500, "This is an error of the service; its log has the details."


def problem_for(error: Exception, *, scope: Scope) -> Response:
    """Build the answer to any exception of an endpoint; log the exception if it is unexpected.

    Args:
        error: the exception.
        scope: the request's connection, with `request_id`.

    Returns:
        A problem; status 500 without details for an unexpected exception.
    """
    if isinstance(error, AppError):
        return problem(error, scope=scope)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # no client is left to read it
    logger.error("request failed", exc_info=error, extra={"request_id": scope["request_id"]})
    return problem(InternalProblem("The service failed on this request."), scope=scope)


def problem(error: AppError, *, scope: Scope) -> Response:
    """Build the answer to an expected error.

    Args:
        error: its status, message and hint are sent.
        scope: the request's connection, with `request_id`.

    Returns:
        A problem, with `errors` if single fields are wrong.
    """
    errors = error.errors if isinstance(error, InvalidListings) else ()
    headers = {"retry-after": str(error.retry_after_s)} if isinstance(error, TooManyRequests) else None
    return _problem(
        scope,
        problem_type=error.problem_type,
        status=error.status,
        detail=error.message,
        hint=error.hint,
        errors=errors,
        headers=headers,
    )


def refusal_answer(metrics: ServiceMetrics) -> Callable[[AppError, Scope], Response]:
    """Build the answers to requests of foreign web pages.

    Args:
        metrics: counts rejected requests.

    Returns:
        A function that counts a refusal and answers it as a problem.
    """

    def answer(error: AppError, scope: Scope) -> Response:
        metrics.rejected.labels("foreign").inc()
        return problem(error, scope=scope)

    return answer


def _problem(
    scope: Scope,
    *,
    status: int,
    detail: str,
    problem_type: str = "about:blank",
    hint: str = "",
    errors: tuple[FieldError, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = Problem(
        type=problem_type,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=scope["request_id"],
        hint=hint or msgspec.UNSET,
        errors=tuple(map(_field_problem, errors)) or msgspec.UNSET,
    )
    # ASCII JSON can hold any text of a request, lone surrogates too
    content = json.dumps(msgspec.to_builtins(body), ensure_ascii=True, allow_nan=False)
    return Response(
        content,
        status,
        media_type="application/problem+json",
        headers={**_headers(status), **(headers or {})},
    )


def _headers(status: int) -> dict[str, str]:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"retry-after": RETRY_AFTER_S}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"www-authenticate": CHALLENGE}
    if status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT}:
        return {"connection": "close"}  # the rest of the body is not read
    return {}


def _field_problem(error: FieldError) -> FieldProblem:
    pointer = "" if error.position is None else f"/{error.position}"
    if error.field:
        pointer += "/" + error.field.replace("~", "~0").replace("/", "~1")
    return FieldProblem(field=error.field, pointer=pointer, came=error.received, expected=error.expected)


async def _on_error(request: Request, error: Exception) -> Response:
    return problem_for(error, scope=request.scope)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": ", ".join(_allowed_methods(request))}  # Starlette lists those of one route only
    return _problem(request.scope, status=error.status_code, detail=str(error.detail), headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    matching = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in matching for method in getattr(route, "methods", None) or ()})


PROBLEM_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    AppError: _on_error,
    ClientDisconnect: _on_error,
    Exception: _on_error,
    HTTPException: _on_http_error,
}
"""Answers every kind of error as a problem: Starlette's exception handlers."""
