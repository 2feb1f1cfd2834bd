"""The host names that a server answers to."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from carvalue.settings import NetworkSettings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class AllowedHosts:
    """The host names that a server accepts in the header `Host`. Loopback names are always accepted.

    Attributes:
        names: names in lower case, without a port; from the setting ALLOWED_HOSTS.
        is_any: whether every name is accepted.
        addresses: whether every IP address is accepted. DNS rebinding needs a name; health checks of
            containers use addresses.
    """

    names: frozenset[str] = frozenset()
    is_any: bool = False
    addresses: bool = False

    def accepts(self, host: str) -> bool:
        """Check the value of a header `Host`.

        Args:
            host: a name or address, with or without a port.

        Returns:
            Whether the server answers to this name.

        >>> AllowedHosts().accepts("127.0.0.1:9696"), AllowedHosts().accepts("evil.example:9696")
        (True, False)
        """
        name = host_name(host)
        if name is None:
            return False
        if self.is_any or name in LOOPBACK_NAMES or name in self.names:
            return True
        return self.addresses and _is_address(name)


def allowed_hosts(settings: NetworkSettings) -> AllowedHosts:
    """Read the allowed host names from the settings.

    Args:
        settings: ALLOWED_HOSTS and BIND_HOST.

    Returns:
        The names of ALLOWED_HOSTS. If there are none: only loopback names while BIND_HOST is loopback,
        otherwise every name, because the price service then requires a key. Off loopback also every IP
        address.

    >>> allowed_hosts(NetworkSettings(allowed_hosts="prices.example.com")).names
    frozenset({'prices.example.com'})
    """
    names = settings.allowed_host_names
    is_open = not settings.is_loopback
    return AllowedHosts(names=names, is_any=is_open and not names, addresses=is_open)


@lru_cache(1_024)
def host_name(host: str) -> str | None:
    """Take the name from a `Host` header or from the authority of a URL, without the port.

    Args:
        host: such as `localhost:9696` or `[::1]:9696`.

    Returns:
        The name in lower case, without brackets and without a final dot; None if there is none.

    >>> host_name("LocalHost:9696"), host_name("[::1]"), host_name("a:b:c")
    ('localhost', '::1', None)
    """
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError for anything but a number
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in host or not parts.hostname:
        return None
    return parts.hostname.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
