"""The page as an ASGI application that refuses requests of foreign web pages.

Streamlit checks the origin of a WebSocket by its host name only, so that a page on any other loopback port
could operate this one. `streamlit run` finds `app` in this file.
"""

from pathlib import Path

import altair  # noqa: F401  # the pages use it: loaded before the first visitor comes
import polars  # noqa: F401  # as above
from starlette.middleware import Middleware
from streamlit.starlette import App

import carvalue.client  # noqa: F401  # as above
from carvalue.http_security import BrowserProtection, allowed_hosts
from carvalue.settings import PageSettings, load_settings

PAGE = Path(__file__).with_name("page.py")

app = App(
    PAGE, middleware=[Middleware(BrowserProtection, allowed=allowed_hosts(load_settings(PageSettings)))]
)
