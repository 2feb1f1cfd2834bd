"""One connection pool for each program that the page asks, shared by everyone who looks at it."""

import streamlit as st

from carvalue.web.client import PriceService
from carvalue.web.watching import Watcher


@st.cache_resource
def service(url: str) -> PriceService:
    """Give the price service at a URL."""
    return PriceService(url)


@st.cache_resource
def watcher(url: str) -> Watcher:
    """Give the watcher at a URL."""
    return Watcher(url)
