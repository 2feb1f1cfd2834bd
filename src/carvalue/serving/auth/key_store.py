"""The keys that a running service accepts: those of a setting, and those of a file that may change."""

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
from carvalue.settings import LOOPBACK_HOSTS, ServiceSettings

RELOAD_S = 1.0  # between two checks of the file; a revoked key is accepted for at most this long

logger = logging.getLogger(__name__)


class NoKeys(AppError):
    """The service is reachable from other machines, and there is no key to restrict access."""

    status, hint = (
        500,
        (
            "Make one with `carvalue keys new CLIENT`, or set SERVICE_KEYS (docs/how-to/manage-api-keys.md); "
            "or bind to 127.0.0.1, where no key is needed."
        ),
    )


def load_key_store(settings: ServiceSettings) -> "KeyStore":
    """Load the keys that the settings name.

    Args:
        settings: `service_keys`, `service_keys_file` and `bind_host` are used.

    Returns:
        The keys; a key is required if the service is reachable from other machines.

    Raises:
        InvalidKeyLine: a line of keys cannot be read.
        NoKeys: the service is reachable from other machines, and there is no key.
    """
    lines = settings.service_keys.get_secret_value().replace(",", "\n")
    configured = read_keys(lines, source="SERVICE_KEYS")
    store = KeyStore(file=settings.service_keys_file, configured=configured)
    if settings.bind_host not in LOOPBACK_HOSTS:
        store.require()
        if store.is_empty:
            raise NoKeys(
                f"BIND_HOST={settings.bind_host!r} is reachable from elsewhere, and no client has a key: "
                f"SERVICE_KEYS is empty, and so is {settings.service_keys_file}."
            )
    return store


class KeyStore:
    """Finds the client that a key belongs to; reads the file again when it has changed.

    Args:
        file: the file of keys; it need not exist.
        configured: keys that do not change while the service runs.

    Raises:
        InvalidKeyLine: a line of the file cannot be read.
    """

    def __init__(self, *, file: Path, configured: Iterable[StoredKey] = ()) -> None:
        self._file, self._configured = file, tuple(configured)
        self._digests: Mapping[str, tuple[str, ...]] = {}
        self._is_required = False
        self._next_check_at = 0.0
        self._fingerprint = self._file_fingerprint()
        self._use(KeyFile(file).read())

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all."""
        return not self._digests

    @property
    def is_required(self) -> bool:
        """Whether requests need a key: a key is configured, the file exists, or `require` was called."""
        self._reload_if_changed()
        return self._is_required or bool(self._configured) or self._fingerprint is not None

    def require(self) -> None:
        """Require a key even while there is none."""
        self._is_required = True

    def client_of(self, key: str) -> str | None:
        """Find the client that a key belongs to.

        Digests are compared in constant time, so the time of an answer reveals nothing about stored keys.

        Args:
            key: text that came as a key.

        Returns:
            Name of the client; None if the key is not known.
        """
        self._reload_if_changed()
        client, digest = client_of(key), key_digest(key)
        matches = [compare_digest(digest, stored) for stored in self._digests.get(client, ())]
        return client if any(matches) else None

    def _reload_if_changed(self) -> None:
        """Read the file if it has changed; keep the earlier keys if it cannot be read."""
        now = time.monotonic()
        if now < self._next_check_at:
            return
        self._next_check_at = now + RELOAD_S
        fingerprint = self._file_fingerprint()
        if fingerprint == self._fingerprint:
            return
        self._fingerprint = fingerprint
        try:
            self._use(KeyFile(self._file).read())
        except (InvalidKeyLine, OSError) as error:
            logger.error("keys not reloaded, the earlier ones stay", extra={"because": str(error)})  # noqa: TRY400  # one line is enough
        else:
            logger.info("keys reloaded", extra={"clients": sorted(self._digests)})

    def _file_fingerprint(self) -> tuple[int, ...] | None:
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _use(self, keys: Iterable[StoredKey]) -> None:
        by_client = defaultdict(list)
        for key in (*self._configured, *keys):
            by_client[key.client].append(key.digest)
        self._digests = {client: tuple(digests) for client, digests in by_client.items()}
