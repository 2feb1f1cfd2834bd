"""Cross-origin resource sharing (CORS): which web pages of other origins may call the service."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS = ("GET", "POST", "PUT", "DELETE")
REQUEST_HEADERS = ("X-API-Key", "X-Request-Id")
ANSWER_HEADERS = ("Retry-After", "X-Request-Id")


def allow_origins(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Answer preflights of browsers, and let pages of some origins read the answers.

    Args:
        app: the application.
        origins: such as `https://shop.example.com`; without any, the application is returned as it is.

    Returns:
        The application. Cookies are never accepted; a page sends its key in `X-API-Key`.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=ANSWER_HEADERS,
    )
