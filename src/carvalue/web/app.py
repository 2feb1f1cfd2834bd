"""The page as an ASGI application that refuses requests of foreign web pages.

Streamlit checks the origin of a WebSocket by its host name only, so that a page on any other loopback port
could operate this one. `streamlit run` finds `app` in this file.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import altair  # noqa: F401  # the pages use it: loaded before the first visitor comes
import polars  # noqa: F401  # as above
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from streamlit.starlette import App

from carvalue.client import PriceServiceClient
from carvalue.http_security import BrowserProtection, allowed_hosts
from carvalue.logs import configure_logs
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import page_tracer
from carvalue.web.link_preview import LinkPreview, quote_preview

PAGE = Path(__file__).with_name("page.py")
GZIP_LEVEL = 5  # higher ones take longer than they save


def _middleware(settings: PageSettings) -> list[Middleware]:
    service = PriceServiceClient(
        settings.service_url, headers=settings.service_headers | {"X-Channel": "page"}
    )
    return [
        Middleware(BrowserProtection, allowed=allowed_hosts(settings)),
        # Streamlit sends its scripts uncompressed: 3 MB before the first price
        Middleware(GZipMiddleware, compresslevel=GZIP_LEVEL),
        Middleware(LinkPreview, describe=partial(quote_preview, service)),
    ]


@asynccontextmanager
async def _lifespan(_: App) -> AsyncIterator[None]:
    configure_logs()
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] in {"streamlit", "uvicorn"}:  # Streamlit gives each a handler of its own
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # its lines hold the ids of quotes
    yield
    page_tracer().close()


# `streamlit run` looks for this very assignment in the text of the file
app = App(PAGE, middleware=_middleware(load_settings(PageSettings)), lifespan=_lifespan)
