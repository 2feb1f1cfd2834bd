"""Name a caller without an API key in the journal, without storing its network address."""

import hmac
import logging
import os
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from carvalue.files import atomic_create
from carvalue.serving.auth.rate_limits import caller_address

LOCAL = "local"
"""The name of callers on this machine."""

SECRET_BYTES = 32
PREFIX = "~"  # no API client's name contains it
DIGITS = 16  # 64 bits: two of a million addresses share a pseudonym with a chance of one in 40 million

logger = logging.getLogger(__name__)


class ClientPseudonyms:
    """Names network addresses by an HMAC (RFC 2104, SHA-256) with a secret of this installation.

    The secret is read or created when the first address is named. If its file cannot be used, a secret of
    this process takes its place: pseudonyms then change with the next start, and no address is ever stored.

    Args:
        secret_file: the file of the secret; readable by its owner only.

    >>> pseudonyms = ClientPseudonyms(Path("pseudonym-secret"))
    >>> pseudonyms.client_at("127.0.0.1"), pseudonyms.client_at("::1")
    ('local', 'local')
    >>> name = pseudonyms.client_at("192.0.2.7")
    >>> len(name), "192" in name, name == pseudonyms.client_at("192.0.2.7")
    (17, False, True)
    """

    def __init__(self, secret_file: Path) -> None:
        self._file = secret_file
        self._secret = b""

    def client_at(self, address: str) -> str:
        """Name the caller at an address.

        Args:
            address: IPv4 or IPv6 address of the connection.

        Returns:
            `local` for this machine; otherwise `~` and 16 hexadecimal digits. An IPv6 network of 64 bits is
            one caller, as for the rate limits.
        """
        if _is_loopback(address):
            return LOCAL
        if not self._secret:
            self._secret = self._load()
        digest = hmac.digest(self._secret, caller_address(address).encode(), "sha256")
        return PREFIX + digest.hex()[:DIGITS]

    def _load(self) -> bytes:
        try:
            if not self._file.exists():
                with atomic_create(self._file, mode=0o600) as unfinished:
                    unfinished.write_bytes(os.urandom(SECRET_BYTES))
            secret = self._file.read_bytes()
        except OSError as error:
            logger.error("pseudonyms change at the next start", extra={"because": str(error)})  # noqa: TRY400
            return os.urandom(SECRET_BYTES)
        if len(secret) < SECRET_BYTES:
            logger.error("the secret of the pseudonyms is damaged", extra={"file": str(self._file)})
            return os.urandom(SECRET_BYTES)
        return secret


@lru_cache(maxsize=1_024)
def _is_loopback(address: str) -> bool:
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(host, "ipv4_mapped", None)
    return (mapped or host).is_loopback
