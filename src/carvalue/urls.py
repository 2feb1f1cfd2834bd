"""Checks of URLs from settings: passwords that must not be shown, and hosts that must not be called."""

import re
from ipaddress import IPv6Address, ip_address, ip_network

LINK_LOCAL = tuple(
    map(ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"))  # the last: metadata of AWS
)
"""Networks in which clouds serve metadata, such as the credentials of a machine."""

_CREDENTIALS = re.compile(r"//\S*@")


def without_credentials(text: str) -> str:
    """Replace the user and the password of a URL.

    Args:
        text: a URL, or a text that holds one.

    Returns:
        The text with `***` for all that precedes the host.

    >>> without_credentials("postgresql://journal:secret@db.example/journal")
    'postgresql://***@db.example/journal'
    """
    return _CREDENTIALS.sub("//***@", text)


def is_link_local(host: str) -> bool:
    """Check whether a host is a literal address at which clouds serve metadata.

    Args:
        host: an IPv4 or IPv6 address, without brackets, or a name.

    Returns:
        Whether it is a link-local address. A name is not; check the addresses that it resolves to.

    >>> is_link_local("169.254.169.254"), is_link_local("::ffff:169.254.169.254"), is_link_local("10.0.0.1")
    (True, True, False)
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in LINK_LOCAL)
