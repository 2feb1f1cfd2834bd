"""One connection pool for each program that the page asks, shared by everyone who looks at it."""

import streamlit as st

from carvalue.settings import load_settings
from carvalue.web.client.price_service import PriceService
from carvalue.web.client.watcher import Watcher


@st.cache_resource
def service(url: str) -> PriceService:
    """Give the price service at a URL, asked with the page's key."""
    return PriceService(url, headers=load_settings().service_headers)


@st.cache_resource
def watcher(url: str) -> Watcher:
    """Give the watcher at a URL."""
    return Watcher(url)
