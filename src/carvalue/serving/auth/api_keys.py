"""API keys of the price service: one line per key in a file, stored as SHA-256 digests.

A line is `CLIENT sha256:HEX DATE`; the date is optional. The key itself is shown once, when it is made.

A fast hash is enough here: a key holds 256 random bits, so there is no password to guess that a slow hash
would protect, and the service hashes a key for each request.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from carvalue.errors import AppError
from carvalue.files import atomic_write

PREFIX = "carvalue"  # lets people and secret scanners recognize a key
RANDOM_BYTES = 32
MAX_CLIENT_NAME = 40
CLIENT = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_CLIENT_NAME - 1}}}")
LINE = re.compile(rf"({CLIENT.pattern})\s+sha256:([0-9a-f]{{64}})(?:\s+(\d{{4}}-\d\d-\d\d))?")
HEADER = "# Keys of the price service, format 1: CLIENT sha256:HEX DATE. `carvalue keys` writes this file.\n"


class InvalidKeyLine(AppError):
    """A line of keys cannot be read. The message names the line and does not repeat its text."""

    status, hint = 500, "Expected CLIENT sha256:HEX DATE, as `carvalue keys new CLIENT` writes it."


class InvalidClientName(AppError):
    """A client's name has characters that keys and logs cannot hold, or it is too long."""

    status, hint = 422, "Choose up to 40 of a-z, 0-9 and -, such as `shop`."


class ClientNotFound(AppError):
    """The file has no key of this client."""

    status, hint = 404, "`carvalue keys list` lists the clients that have keys."


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """What is stored of a key.

    Attributes:
        client: name of the client that the key belongs to.
        digest: SHA-256 of the whole key, 64 hexadecimal digits.
        created_on: day on which the key was made; None if the line has no date.
    """

    client: str
    digest: str
    created_on: date | None = None

    def line(self) -> str:
        """Format the key as a line of the file.

        Returns:
            The line without a line break.

        >>> StoredKey(client="shop", digest=key_digest("k"), created_on=date(2026, 11, 24)).line()
        'shop sha256:8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a 2026-11-24'
        """
        return f"{self.client} sha256:{self.digest} {self.created_on or ''}".rstrip()


def new_key(client: str) -> str:
    """Generate a random key that contains the name of its client.

    Args:
        client: name of the client: up to 40 of a-z, 0-9 and -.

    Returns:
        The key: `carvalue.CLIENT.` and 32 random bytes in URL-safe base64 (RFC 4648).

    Raises:
        InvalidClientName: the name has other characters, or is too long.

    >>> key = new_key("shop")
    >>> client_of(key), len(key)
    ('shop', 57)
    >>> new_key("shop") == key
    False
    """
    if not CLIENT.fullmatch(client):
        raise InvalidClientName(f"{client!r} cannot be the name of a client.")
    return f"{PREFIX}.{client}.{secrets.token_urlsafe(RANDOM_BYTES)}"


def client_of(key: str) -> str:
    """Parse the client's name out of a key, without a check that the key is valid.

    Args:
        key: text that came as a key.

    Returns:
        The name that the key claims; empty if the text does not have the form of a key.

    >>> client_of("carvalue.shop.c2VjcmV0")
    'shop'
    >>> client_of("password123")
    ''
    """
    prefix, _, rest = key.partition(".")
    return rest.partition(".")[0] if prefix == PREFIX else ""


def key_digest(key: str) -> str:
    """Compute the digest under which a key is stored.

    Args:
        key: the whole key.

    Returns:
        SHA-256 of its UTF-8 bytes, 64 hexadecimal digits.

    >>> key_digest("carvalue.shop.c2VjcmV0")[:16]
    'b520476fa625a8e7'
    """
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(text: str, *, source: str) -> tuple[StoredKey, ...]:
    """Parse lines of keys. Blank lines and lines that begin with # are skipped.

    Args:
        text: the lines.
        source: where the lines come from, for error messages.

    Returns:
        The keys, in the order of the lines.

    Raises:
        InvalidKeyLine: a line has another form.

    >>> text = "# a comment" + chr(10) + StoredKey(client="shop", digest=key_digest("k")).line()
    >>> [key.client for key in read_keys(text, source="SERVICE_KEYS")]
    ['shop']
    """
    lines = enumerate(text.splitlines(), start=1)
    return tuple(
        _parse_line(line.strip(), location=f"Line {number} of {source}")
        for number, line in lines
        if line.strip() and not line.startswith("#")
    )


def _parse_line(line: str, *, location: str) -> StoredKey:
    match = LINE.fullmatch(line)
    try:
        created_on = date.fromisoformat(match[3]) if match and match[3] else None
    except ValueError:
        match = None
    if not match:
        raise InvalidKeyLine(f"{location} is not a key.")
    return StoredKey(client=match[1], digest=match[2], created_on=created_on)


class KeyFile:
    """The file that `SERVICE_KEYS_FILE` names. A running service applies a change within a second.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[StoredKey, ...]:
        """Read all keys of the file.

        Returns:
            The keys, oldest first; empty if there is no file.

        Raises:
            InvalidKeyLine: a line has another form, or the file is not text.
        """
        try:
            return read_keys(self.path.read_text(encoding="utf-8"), source=str(self.path))
        except FileNotFoundError:
            return ()
        except UnicodeDecodeError:
            raise InvalidKeyLine(f"{self.path} is damaged: it is not text in UTF-8.") from None

    def add(self, client: str, *, today: date) -> tuple[str, StoredKey]:
        """Make a key for a client and store its digest; earlier keys of the client stay valid.

        Args:
            client: name of the client.
            today: the day to store with the key.

        Returns:
            The key itself, which is stored nowhere, and what the file stores of it.

        Raises:
            InvalidClientName: the name has other characters than a-z, 0-9 and -, or is too long.
        """
        key = new_key(client)
        stored = StoredKey(client=client, digest=key_digest(key), created_on=today)
        self._write([*self.read(), stored])
        return key, stored

    def revoke(self, client: str) -> int:
        """Remove all keys of a client.

        Args:
            client: name of the client.

        Returns:
            How many keys were removed.

        Raises:
            ClientNotFound: the client has no key.
        """
        return self._remove(client, keep_newest=0)

    def revoke_old(self, client: str) -> int:
        """Remove all keys of a client except the newest.

        Args:
            client: name of the client.

        Returns:
            How many keys were removed.

        Raises:
            ClientNotFound: the client has no key.
        """
        return self._remove(client, keep_newest=1)

    def _remove(self, client: str, *, keep_newest: int) -> int:
        keys = self.read()
        of_client = [key for key in keys if key.client == client]
        if not of_client:
            raise ClientNotFound(f"{client!r} has no key in {self.path}.")
        removed = of_client[: len(of_client) - keep_newest]
        self._write(key for key in keys if key not in removed)
        return len(removed)

    def _write(self, keys: Iterable[StoredKey]) -> None:
        with atomic_write(self.path, mode=0o600) as unfinished:
            unfinished.write_text(HEADER + "".join(f"{key.line()}\n" for key in keys))
