"""Visitors of a client, such as people who use the page: each has a rate limit of its own."""

from collections.abc import Collection, Iterable
from ipaddress import ip_address

HEADER = b"x-visitor"


def named_visitor(
    headers: Iterable[tuple[bytes, bytes]], *, client: str | None, visitor_clients: Collection[str]
) -> str | None:
    """Read the address of the visitor for whom a client sends a request.

    Args:
        headers: the headers of the request, with names in lower case.
        client: name of the client that the API key belongs to; None without a key.
        visitor_clients: names of the clients that may name their visitors.

    Returns:
        The visitor's IPv4 or IPv6 address. None if the client may not name its visitors, or if the header
        `X-Visitor` is absent, repeated or not an address: the request then counts as the client's own.

    >>> headers = [(b"x-visitor", b"192.0.2.7")]
    >>> named_visitor(headers, client="page", visitor_clients={"page"})
    '192.0.2.7'
    >>> named_visitor(headers, client="shop", visitor_clients={"page"}) is None
    True
    """
    if client not in visitor_clients:
        return None
    values = [value for name, value in headers if name == HEADER]
    try:
        (value,) = values
        return str(ip_address(value.decode("ascii")))
    except ValueError:
        return None
