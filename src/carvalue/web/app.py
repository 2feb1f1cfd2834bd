"""The page as an ASGI application that refuses requests of foreign web pages.

Streamlit checks the origin of a WebSocket by its host name only, so that a page on any other loopback port
could operate this one. `streamlit run` finds `app` in this file.
"""

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from carvalue.http_security import BrowserProtection, allowed_hosts
from carvalue.settings import PageSettings, load_settings

PAGE = Path(__file__).with_name("page.py")

app = App(
    PAGE, middleware=[Middleware(BrowserProtection, allowed=allowed_hosts(load_settings(PageSettings)))]
)
