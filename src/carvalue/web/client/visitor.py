"""The network address of the visitor whose request the page forwards to the price service."""

from collections.abc import Sequence
from ipaddress import ip_address

import streamlit as st

FORWARDED_HEADER = "X-Forwarded-For"


def current_visitor() -> str | None:
    """Return the address of the visitor whose script runs in this thread.

    Returns:
        See `visitor_address`; None outside of a visitor's script.
    """
    return visitor_address(st.context.ip_address, st.context.headers.get_all(FORWARDED_HEADER))


def visitor_address(peer: str | None, forwarded: Sequence[str]) -> str | None:
    """Choose a visitor's address: that of the connection, unless a reverse proxy made the connection.

    Only the right-most entry of `X-Forwarded-For` is used, because the proxy appended it; the visitor can
    write the others.

    Args:
        peer: Address of the connection; None for loopback.
        forwarded: Values of the header `X-Forwarded-For`, in the order of the request.

    Returns:
        An IPv4 or IPv6 address; None for a visitor on this machine.

    Examples:
        >>> visitor_address("8.8.8.8", ["9.9.9.9"])
        '8.8.8.8'
        >>> visitor_address("172.18.0.5", ["1.1.1.1, 9.9.9.9"])
        '9.9.9.9'
    """
    connected, is_global = _parse(peer)
    if is_global or not forwarded:
        return connected
    return _parse(forwarded[-1].rpartition(",")[2].strip())[0] or connected


def _parse(text: str | None) -> tuple[str | None, bool]:
    """Return the address, or None if it is none, and whether it is reachable from the internet."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None, False
    return str(address), address.is_global
