"""A fast path for one route around FastAPI, whose middleware and routing take as long as a quote."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.serving.middleware.problems import problem_for

Endpoint = Callable[[Request], Awaitable[Response]]


class FastPathMiddleware:
    """ASGI middleware that calls the endpoint of `POST path` itself. FastAPI documents the same route.

    Args:
        app: the application that all other requests are passed to.
        path: path of the route.
        endpoint: answers a request of the route.
    """

    def __init__(self, app: ASGIApp, *, path: str, endpoint: Endpoint) -> None:
        self._app, self._path, self._endpoint = app, path, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `POST` on the path; pass on everything else.

        Args:
            scope: the connection, as ASGI defines it.
            receive: reads the request.
            send: sends the answer.
        """
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._endpoint(Request(scope, receive))
        except Exception as error:  # no outer middleware would answer it as a problem
            answer = problem_for(error, scope=scope)
        await answer(scope, receive, send)
