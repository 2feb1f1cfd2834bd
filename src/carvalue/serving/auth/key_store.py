"""The keys that a running service knows: those it was given, and those of a file that may change."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from pathlib import Path

from carvalue.errors import AppError
from carvalue.serving.auth.api_keys import (
    InvalidKeyLine,
    KeyFile,
    StoredKey,
    client_of,
    key_digest,
    read_keys,
)
from carvalue.settings import LOOPBACK_HOSTS, Settings

RELOAD_S = 1.0  # between two looks at the file: a revoked key is good for no longer

logger = logging.getLogger(__name__)


class NoKeys(AppError):
    """The service would stand open to everyone who reaches it."""

    status, hint = (
        500,
        (
            "Make one with `carvalue keys new CLIENT`, or hand over SERVICE_KEYS (docs/operate.md); "
            "or bind to 127.0.0.1, where no key is needed."
        ),
    )


def load_key_store(settings: Settings) -> "KeyStore":
    """Collect the keys that the settings name.

    Raises:
        InvalidKeyLine: a line cannot be read.
        NoKeys: the service is reachable from elsewhere, and there is no key.
    """
    lines = settings.service_keys.get_secret_value().replace(",", "\n")
    given = read_keys(lines, source="SERVICE_KEYS")
    ring = KeyStore(file=settings.service_keys_file, given=given)
    if settings.bind_host not in LOOPBACK_HOSTS:
        ring.require()
        if ring.is_empty:
            raise NoKeys(
                f"BIND_HOST={settings.bind_host!r} is reachable from elsewhere, and no client has a key: "
                f"SERVICE_KEYS is empty, and so is {settings.service_keys_file}."
            )
    return ring


class KeyStore:
    """Tells whose key it is. A key is asked for as soon as there is a place to look for one."""

    def __init__(self, *, file: Path, given: Iterable[StoredKey] = ()) -> None:
        self._file, self._given = file, tuple(given)
        self._digests: Mapping[str, tuple[str, ...]] = {}
        self._is_required = False
        self._seen: tuple[int, ...] | None = None
        self._look_again_at = 0.0
        self._take_up(KeyFile(file).read())
        self._seen = self._state()

    @property
    def is_empty(self) -> bool:
        """Whether no key lets anyone in."""
        return not self._digests

    @property
    def is_required(self) -> bool:
        """Whether a key is asked for: there are some, or a file for them, or `require` was called."""
        self._look()
        return self._is_required or bool(self._given) or self._seen is not None

    def require(self) -> None:
        """Ask for a key even while there is none."""
        self._is_required = True

    def client_of(self, key: str) -> str | None:
        """Name the client whose key it is, in a time that tells nothing about the keys there are."""
        self._look()
        client, digest = client_of(key), key_digest(key)
        matches = [compare_digest(digest, known) for known in self._digests.get(client, ())]
        return client if any(matches) else None

    def _look(self) -> None:
        """Take up the file where it has changed; keep what was known where it cannot be read."""
        now = time.monotonic()
        if now < self._look_again_at:
            return
        self._look_again_at = now + RELOAD_S
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._take_up(KeyFile(self._file).read())
        except (InvalidKeyLine, OSError) as error:
            logger.error("the earlier keys stay", extra={"because": str(error)})  # noqa: TRY400  # a line will do
        else:
            logger.info("keys taken up", extra={"clients": sorted(self._digests)})

    def _state(self) -> tuple[int, ...] | None:
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _take_up(self, keys: Iterable[StoredKey]) -> None:
        by_client = defaultdict(list)
        for key in (*self._given, *keys):
            by_client[key.client].append(key.digest)
        self._digests = {client: tuple(digests) for client, digests in by_client.items()}
