"""One HTTP connection pool per service, shared by all visitors."""

import logging

import streamlit as st

from carvalue.client import PriceServiceClient, WatcherClient
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client.tracing import TracedTransport, page_tracer
from carvalue.web.client.visitor import current_visitor


@st.cache_resource
def price_service_client(url: str) -> PriceServiceClient:
    """Return the shared client of the price service.

    It sends the API key of the settings, that it is the page, and the address of the visitor for whom a
    request is made.

    Args:
        url: Base URL of the price service.

    Returns:
        The client.
    """
    headers = load_settings(PageSettings).service_headers | {"X-Channel": "page"}
    transport = TracedTransport(page_tracer())
    return PriceServiceClient(url, headers=headers, visitor=current_visitor, transport=transport)


@st.cache_resource
def watcher_client(url: str) -> WatcherClient:
    """Return the shared client of the watcher.

    Args:
        url: Base URL of the watcher.

    Returns:
        The client.
    """
    # every open page asks the watcher again and again
    return WatcherClient(url, transport=TracedTransport(page_tracer(), level=logging.DEBUG))
