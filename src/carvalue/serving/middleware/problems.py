"""Error answers as `application/problem+json` (RFC 9457): what is wrong, in which field, what to do."""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from carvalue.errors import AppError
from carvalue.serving.auth import TooManyRequests
from carvalue.serving.model import IN_USE_WITHIN_S
from carvalue.serving.requests import FieldError, InvalidListings, describe_value
from carvalue.telemetry import ServiceMetrics

CHALLENGE = 'ApiKey realm="carvalue", header="X-API-Key"'
RETRY_AFTER_S = str(IN_USE_WITHIN_S)  # the longest reason for a 503 that ends by itself

logger = logging.getLogger(__name__)


class InternalProblem(AppError):
    """An unexpected error of the service; the answer has no details of it."""

    status, hint = 500, "This is an error of the service; its log has the details."


def install_problems(app: FastAPI) -> None:
    """Register handlers that answer every kind of error as a problem.

    Args:
        app: the application to register them with.
    """
    for kind in (AppError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_query)


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
    body: dict[str, object] = {
        "type": problem_type,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": scope["request_id"],
    }
    if hint:
        body["hint"] = hint
    if errors:
        body["errors"] = [_error_json(error) for error in errors]
    # all values are text (see `describe_value`), and ASCII JSON can hold any of it, lone surrogates too
    content = json.dumps(body, ensure_ascii=True, allow_nan=False)
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


def _error_json(error: FieldError) -> dict[str, object]:
    pointer = "" if error.position is None else f"/{error.position}"
    if error.field:
        pointer += "/" + error.field.replace("~", "~0").replace("/", "~1")
    return {"field": error.field, "pointer": pointer, "came": error.received, "expected": error.expected}


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


async def _on_bad_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = tuple(
        FieldError(
            field=str(item["loc"][-1]),
            position=None,
            received=describe_value(item.get("input")),
            expected=str(item["msg"]),
        )
        for item in error.errors()
    )
    return _problem(request.scope, status=422, detail="The query cannot be used.", errors=errors)
