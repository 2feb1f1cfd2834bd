"""Leads one route past FastAPI, whose middlewares and routing take as long as a quote."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.serving.middleware.problems import problem_for

Endpoint = Callable[[Request], Awaitable[Response]]


class FastPathMiddleware:
    """ASGI middleware that runs an endpoint itself; FastAPI knows it too, and documents it."""

    def __init__(self, app: ASGIApp, *, path: str, endpoint: Endpoint) -> None:
        self._app, self._path, self._endpoint = app, path, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `POST` at the path; pass on everything else."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._endpoint(Request(scope, receive))
        except Exception as error:  # nothing further out would answer it as a problem
            answer = problem_for(error, scope=scope)
        await answer(scope, receive, send)
