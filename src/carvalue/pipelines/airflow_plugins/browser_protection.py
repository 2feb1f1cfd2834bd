"""Protect Airflow's API server on one machine against foreign web pages.

Airflow does not check the header `Host`, so that a web page could log in by DNS rebinding with the default
password.
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from carvalue.http_security import AllowedHosts, BrowserProtection
from carvalue.settings import NetworkSettings, load_settings


class BrowserProtectionPlugin(AirflowPlugin):
    """Adds the middleware to Airflow's API server, which listens on loopback whatever BIND_HOST is."""

    name = "carvalue_browser_protection"
    fastapi_root_middlewares: list[Any] = [  # noqa: RUF012  # as Airflow declares it
        {
            "name": "carvalue browser protection",
            "middleware": BrowserProtection,
            "args": [],
            "kwargs": {"allowed": AllowedHosts(names=load_settings(NetworkSettings).allowed_host_names)},
        }
    ]
    """The ASGI middleware, in Airflow's form."""
