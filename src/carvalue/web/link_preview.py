"""Titles and descriptions for programs that preview links: they read the HTML and run no scripts."""

import asyncio
import re
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carvalue.api import is_quote_id
from carvalue.client import PriceServiceClient
from carvalue.errors import AppError
from carvalue.listings import CURRENCY, MARKET
from carvalue.web.components import car_name, format_date

TITLE = re.compile(b"<title>.*?</title>", re.DOTALL)
NAME = "carvalue"
DEFAULT = (
    f"What is your {MARKET.vehicle} worth?",
    f"A price range for a used {MARKET.vehicle}, with reasons in {CURRENCY.name}.",
)
ANSWER_S = 1.0  # a preview is not worth a longer wait for the page
# the document is changed: it must arrive whole and uncompressed
DROPPED = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"}

Preview = tuple[str, str]
"""Title and description."""


class LinkPreview:
    """Middleware that writes a title and a description into the HTML document of the page.

    A link of a quote gets the car and its price; every other link what the page is for.
    """

    def __init__(self, app: ASGIApp, *, describe: Callable[[str], Preview]) -> None:
        """Create the middleware.

        Args:
            app: The application whose documents are changed.
            describe: Returns title and description of a quote by its id; may raise `AppError`.
        """
        self._app, self._describe = app, describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "GET" or _is_file(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in DROPPED]
        document = _Document(send, await self._preview(scope))
        await self._app({**scope, "headers": headers}, receive, document.send)

    async def _preview(self, scope: Scope) -> Preview:
        (quote_id, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("quote", [""])
        if not is_quote_id(quote_id):
            return DEFAULT
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._describe, quote_id), ANSWER_S)
        except (AppError, TimeoutError):
            return DEFAULT


def quote_preview(client: PriceServiceClient, quote_id: str) -> Preview:
    """Describe a stored quote.

    Args:
        client: The price service.
        quote_id: Identifies the quote.

    Returns:
        Title and description.

    Raises:
        AppError: There is no such quote, or the service does not answer.
    """
    stored = client.stored_quote(quote_id)
    quote = stored.quote
    date = "" if quote.data_as_of is None else f" Prices as of {format_date(quote.data_as_of)}."
    return (
        f"{car_name(stored.listing)}: {CURRENCY.format(quote.price)}",
        f"Asking price from {CURRENCY.format(quote.low)} to {CURRENCY.format(quote.high)}.{date}",
    )


class _Document:
    """Sends a response; the head of an HTML document gets title and description."""

    def __init__(self, send: Send, preview: Preview) -> None:
        self._send, self._preview = send, preview
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            body = TITLE.sub(lambda _: _head(self._preview), self._body, count=1)
            kept = [item for item in self._start["headers"] if item[0] not in {b"content-length", b"etag"}]
            headers = [*kept, (b"content-length", str(len(body)).encode())]
            await self._send({**self._start, "headers": headers})
            await self._send({**message, "body": body})


def _is_file(path: str) -> bool:
    return "." in path.rpartition("/")[2] or path.startswith(("/_stcore/", "/static/", "/media/"))


def _is_html(start: Message) -> bool:
    headers: dict[bytes, bytes] = dict(start["headers"])
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers


def _head(preview: Preview) -> bytes:
    title, description = (escape(text, quote=True) for text in preview)
    tags = [
        f"<title>{title} \N{EN DASH} {NAME}</title>",
        f'<meta name="description" content="{description}" />',
        f'<meta property="og:site_name" content="{NAME}" />',
        '<meta property="og:type" content="website" />',
        f'<meta property="og:title" content="{title}" />',
        f'<meta property="og:description" content="{description}" />',
    ]
    return "\n    ".join(tags).encode()
