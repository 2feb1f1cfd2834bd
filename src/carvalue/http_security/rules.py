"""The rules by which a server refuses requests of foreign web pages.

A web page can send requests to a server on the user's machine. Two rules stop it. The header `Host` must
name this server: in DNS rebinding, a page's own name resolves to this machine, so that the browser sees one
origin. A request that changes state must not come from another origin: the browser names it in `Origin`
(RFC 6454) and in `Sec-Fetch-Site` (W3C Fetch Metadata).
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from carvalue.errors import AppError
from carvalue.http_security.hosts import AllowedHosts, host_name

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change no state (RFC 9110, section 9.2.1)."""
OWN_SITES = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for requests of the server's own pages and of the user."""
DEFAULT_PORTS = {"http": 80, "https": 443}


class MissingHost(AppError):
    """The request has no header `Host`, or several (RFC 9112, section 3.2)."""

    status, hint = 400, "Send one header `Host` with the name of this server."


class MisdirectedHost(AppError):
    """The header `Host` names another server."""

    status = 421
    hint = "Use http://localhost or http://127.0.0.1, or add the name to the setting ALLOWED_HOSTS."


class CrossSiteRequest(AppError):
    """A web page of another origin sent a request that changes state."""

    status = 403
    hint = "Send the request from a page of this server, or from a program that is not a browser."


def host_refusal(hosts: Iterable[str], *, allowed: AllowedHosts, http_version: str) -> AppError | None:
    """Check the header `Host` of a request.

    Args:
        hosts: every value of the header.
        allowed: the names that the server answers to.
        http_version: such as `1.1`; HTTP/1.0 has no such header, and no browser sends HTTP/1.0.

    Returns:
        Why the request is refused; None if it is allowed.
    """
    values = tuple(hosts)
    if not values and http_version == "1.0":
        return None
    if len(values) != 1:
        return MissingHost(f"The request has {len(values)} headers `Host`: expected one.")
    if not allowed.accepts(values[0]):
        return MisdirectedHost(f"This server does not answer to the host {values[0][:100]!r}.")
    return None


def origin_refusal(
    *, origin: str | None, fetch_site: str | None, host: str, allowed: AllowedHosts
) -> AppError | None:
    """Check where a request that changes state comes from.

    Args:
        origin: the header `Origin`; None if absent, as in most programs that are not browsers.
        fetch_site: the header `Sec-Fetch-Site`; None if absent.
        host: the header `Host`.
        allowed: an origin at one of its `names` is allowed as well, for proxies that replace `Host`.

    Returns:
        Why the request is refused; None if it is allowed.

    >>> origin_refusal(origin=None, fetch_site=None, host="localhost:9696", allowed=AllowedHosts())
    >>> print(
    ...     origin_refusal(
    ...         origin="http://evil.example", fetch_site=None, host="localhost:9696", allowed=AllowedHosts()
    ...     ).message
    ... )
    The request comes from a page of 'http://evil.example'.
    """
    if origin is not None and not _is_own(origin, host=host, allowed=allowed):
        return CrossSiteRequest(f"The request comes from a page of {origin[:100]!r}.")
    if fetch_site is not None and fetch_site not in OWN_SITES:
        return CrossSiteRequest(f"The request comes from a page of another origin ({fetch_site[:20]!r}).")
    return None


def _is_own(origin: str, *, host: str, allowed: AllowedHosts) -> bool:
    scheme, _, authority = origin.partition("://")
    name = host_name(authority)
    if name is None or scheme not in DEFAULT_PORTS:  # `null`, of a page without an origin
        return False
    if name in allowed.names:
        return True
    default = DEFAULT_PORTS[scheme]
    # behind a proxy that ends TLS, `Host` has no port and the scheme of this server is not the page's
    return name == host_name(host) and _port(authority, default) == _port(host, default)


def _port(authority: str, default: int) -> int:
    return urlsplit(f"//{authority}").port or default
