"""ASGI middleware that refuses requests of foreign web pages."""

import json
from collections.abc import Callable, Collection
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.errors import AppError
from carvalue.http_security.hosts import AllowedHosts
from carvalue.http_security.rules import SAFE_METHODS, host_refusal, origin_refusal

Answer = Callable[[AppError, Scope], ASGIApp]
"""Builds the answer to a refused request."""


class BrowserProtection:
    """ASGI middleware against DNS rebinding and cross-site requests. See `rules`.

    A WebSocket counts as a request that changes state: browsers let every page open one to any server.

    Args:
        app: the application that allowed requests are passed to.
        allowed: the host names that the server answers to.
        answer: builds the answer to a refused request; a problem (RFC 9457) unless given.
        origins: foreign origins whose requests are allowed as well, such as `https://shop.example.com`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed: AllowedHosts,
        answer: Answer | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self._app, self._allowed, self._answer = app, allowed, answer or _problem
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on; answer any other with status 400, 403 or 421.

        Args:
            scope: the connection, as ASGI defines it.
            receive: reads the request.
            send: sends the answer.
        """
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.message[:120]})
        else:
            await self._answer(refusal, scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> AppError | None:
        hosts: list[str] = []
        origin = fetch_site = None
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"sec-fetch-site":
                fetch_site = value.decode("latin-1")
        refusal = host_refusal(hosts, allowed=self._allowed, http_version=scope.get("http_version", "1.1"))
        if refusal is not None or scope.get("method") in SAFE_METHODS or origin in self._origins:
            return refusal
        return origin_refusal(
            origin=origin, fetch_site=fetch_site, host=hosts[0] if hosts else "", allowed=self._allowed
        )


def _problem(error: AppError, _: Scope) -> ASGIApp:
    problem = {
        "type": error.problem_type,
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "hint": error.hint,
    }
    return Response(json.dumps(problem), error.status, media_type="application/problem+json")
