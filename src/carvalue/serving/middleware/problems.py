"""Every failure as problem+json (RFC 9457): what went wrong, with which field, and what to do about it."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from carvalue.errors import AppError
from carvalue.serving.auth import TooManyRequests
from carvalue.serving.requests import FieldError, InvalidListings, describe_value

CHALLENGE = 'ApiKey realm="carvalue", header="X-API-Key"'
RETRY_AFTER_S = "5"  # a promoted model is in use by then

logger = logging.getLogger(__name__)


class InternalProblem(AppError):
    """A fault of ours, told to the client without its insides."""

    status, hint = 500, "This is not your fault; the log of the service has the details."


def install_problems(app: FastAPI) -> None:
    """Answer every kind of failure as a problem."""
    for kind in (AppError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_query)


def problem_for(error: Exception, *, scope: Scope) -> Response:
    """Render whatever may come out of an endpoint."""
    if isinstance(error, AppError):
        return problem(error, scope=scope)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody is there to read it
    logger.error("request failed", exc_info=error, extra={"request_id": scope["request_id"]})
    return problem(InternalProblem("The service failed on this request."), scope=scope)


def problem(error: AppError, *, scope: Scope) -> Response:
    """Render an expected failure of the request that `scope` stands for."""
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
    # values are text already (see `describe_value`), so no NaN or lone surrogate can break the rendering
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
    return {"field": error.field, "pointer": pointer, "came": error.came, "expected": error.expected}


async def _on_error(request: Request, error: Exception) -> Response:
    return problem_for(error, scope=request.scope)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return _problem(request.scope, status=error.status_code, detail=str(error.detail), headers=error.headers)


async def _on_bad_query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = tuple(
        FieldError(
            field=str(item["loc"][-1]),
            position=None,
            came=describe_value(item.get("input")),
            expected=str(item["msg"]),
        )
        for item in error.errors()
    )
    return _problem(request.scope, status=422, detail="The query cannot be used.", errors=errors)
