"""Ports and URLs as values of settings."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from carvalue.settings.base import ONE_MACHINE

Port = Annotated[int, Field(ge=1, le=65_535), ONE_MACHINE]


def http_url(value: str) -> str:
    """Check the URL of a web server.

    Args:
        value: The URL.

    Returns:
        The URL without a slash at its end.

    Raises:
        ValueError: The scheme is another one than http and https, or there is no host.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:5000")
    return value.rstrip("/")


def optional_url(value: str) -> str:
    """Check the URL of a web server that need not be there.

    Args:
        value: The URL, or an empty text.

    Returns:
        The URL without a slash at its end.

    Raises:
        ValueError: The scheme is another one than http and https, or there is no host.
    """
    return http_url(value) if value else ""


def loopback_url(chosen: Mapping[str, object], port: str) -> str:
    """Build the URL of a part of the platform on this machine.

    Args:
        chosen: The settings that are known so far, by field name.
        port: The name of the setting with the part's port.

    Returns:
        The URL; without a valid port if the port's own setting is invalid, which has an error of its own.
    """
    return f"http://127.0.0.1:{chosen.get(port)}"


HttpUrl = Annotated[str, AfterValidator(http_url)]
