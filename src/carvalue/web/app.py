"""The page as an ASGI application that refuses requests of foreign web pages.

Streamlit checks the origin of a WebSocket by its host name only, so that a page on any other loopback port
could operate this one. `streamlit run` finds `app` in this file.
"""

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


def _app() -> App:
    configure_logs()
    return App(PAGE, middleware=_middleware(load_settings(PageSettings)))


app = _app()
