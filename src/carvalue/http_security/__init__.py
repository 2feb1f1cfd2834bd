"""Protection of HTTP servers against foreign web pages: cross-site requests and DNS rebinding."""

from carvalue.http_security.hosts import AllowedHosts, allowed_hosts
from carvalue.http_security.middleware import BrowserProtection
from carvalue.http_security.rules import CrossSiteRequest, MisdirectedHost, MissingHost

__all__ = [
    "AllowedHosts",
    "BrowserProtection",
    "CrossSiteRequest",
    "MisdirectedHost",
    "MissingHost",
    "allowed_hosts",
]
