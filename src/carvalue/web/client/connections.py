"""One connection pool for each program that the page asks, shared by everyone who looks at it."""

import streamlit as st

from carvalue.settings import load_settings
from carvalue.web.client.price_service import PriceServiceClient
from carvalue.web.client.watcher import WatcherClient


@st.cache_resource
def price_service_client(url: str) -> PriceServiceClient:
    """Give the price service at a URL, asked with the page's key."""
    return PriceServiceClient(url, headers=load_settings().service_headers)


@st.cache_resource
def watcher_client(url: str) -> WatcherClient:
    """Give the watcher at a URL."""
    return WatcherClient(url)
