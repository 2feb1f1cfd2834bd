"""API keys: one line a key in a file, as hashes; a key itself is shown once, to whoever makes it.

A line is `CLIENT sha256:HEX DATE`, the date being optional. SHA-256 is enough for what nobody chose: a key
holds 256 random bits, so there is nothing to guess that a slow hash would protect, and every request would
pay for it.
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

PREFIX = "carvalue"  # so that people, and programs that look for leaked secrets, know one when they see it
RANDOM_BYTES = 32
MAX_CLIENT_NAME = 40
CLIENT = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_CLIENT_NAME - 1}}}")
LINE = re.compile(rf"({CLIENT.pattern})\s+sha256:([0-9a-f]{{64}})(?:\s+(\d{{4}}-\d\d-\d\d))?")
HEAD = "# Keys of the price service: CLIENT sha256:HEX DATE. `carvalue keys` writes this file.\n"


class InvalidKeyLine(AppError):
    """A line of keys cannot be read; says which, and not what is in it."""

    status, hint = 500, "Expected CLIENT sha256:HEX DATE, as `carvalue keys new CLIENT` writes it."


class InvalidClientName(AppError):
    """A client's name would not fit into keys and logs."""

    status, hint = 422, "Choose up to 40 of a-z, 0-9 and -, such as `shop`."


class ClientNotFound(AppError):
    """Nobody of that name has a key in the file."""

    status, hint = 404, "`carvalue keys list` shows who has."


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """What is kept of a key.

    Attributes:
        client: whom it lets in.
        digest: SHA-256 of the whole key, 64 hexadecimal digits.
        made_on: None where nobody wrote it down.
    """

    client: str
    digest: str
    made_on: date | None = None

    def line(self) -> str:
        """The key as a line of the file."""
        return f"{self.client} sha256:{self.digest} {self.made_on or ''}".rstrip()


def new_key(client: str) -> str:
    """Draw a key that names its client.

    Raises:
        InvalidClientName: the name does not fit.
    """
    if not CLIENT.fullmatch(client):
        raise InvalidClientName(f"{client!r} cannot be the name of a client.")
    return f"{PREFIX}.{client}.{secrets.token_urlsafe(RANDOM_BYTES)}"


def client_of(key: str) -> str:
    """Read whose key it claims to be; empty if it is no key."""
    prefix, _, rest = key.partition(".")
    return rest.partition(".")[0] if prefix == PREFIX else ""


def key_digest(key: str) -> str:
    """Hash a key as it is stored."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(text: str, *, source: str) -> tuple[StoredKey, ...]:
    """Read lines of keys; blank ones and those that begin with # are passed over.

    Raises:
        InvalidKeyLine: a line is something else.
    """
    lines = enumerate(text.splitlines(), start=1)
    return tuple(
        _read(line.strip(), where=f"Line {number} of {source}")
        for number, line in lines
        if line.strip() and not line.startswith("#")
    )


def _read(line: str, *, where: str) -> StoredKey:
    found = LINE.fullmatch(line)
    try:
        made_on = date.fromisoformat(found[3]) if found and found[3] else None
    except ValueError:
        found = None
    if not found:
        raise InvalidKeyLine(f"{where} is no key.")
    return StoredKey(client=found[1], digest=found[2], made_on=made_on)


class KeyFile:
    """The file of `SERVICE_KEYS_FILE`; a service that runs takes up a change within a second."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[StoredKey, ...]:
        """Read all; none where there is no file.

        Raises:
            InvalidKeyLine: the file holds something else.
        """
        return read_keys(self.path.read_text(), source=str(self.path)) if self.path.exists() else ()

    def add(self, client: str, *, today: date) -> tuple[str, StoredKey]:
        """Draw a key beside those that the client has; give it, and what is kept of it.

        Raises:
            InvalidClientName: the name does not fit.
        """
        key = new_key(client)
        kept = StoredKey(client=client, digest=key_digest(key), made_on=today)
        self._write([*self.read(), kept])
        return key, kept

    def revoke(self, client: str) -> int:
        """Take all keys of a client away; tell how many.

        Raises:
            ClientNotFound: it has none.
        """
        return self._keep(client, newest=0)

    def revoke_old(self, client: str) -> int:
        """Take all keys of a client away but the newest; tell how many.

        Raises:
            ClientNotFound: it has none.
        """
        return self._keep(client, newest=1)

    def _keep(self, client: str, *, newest: int) -> int:
        keys = self.read()
        own = [key for key in keys if key.client == client]
        if not own:
            raise ClientNotFound(f"{client!r} has no key in {self.path}.")
        gone = own[: len(own) - newest]
        self._write(key for key in keys if key not in gone)
        return len(gone)

    def _write(self, keys: Iterable[StoredKey]) -> None:
        with atomic_write(self.path) as aside:
            aside.touch(mode=0o600)
            aside.write_text(HEAD + "".join(f"{key.line()}\n" for key in keys))
