"""What the price service reads, and what its clients on this machine do."""

import re
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from carvalue.settings.base import LOOPBACK_HOSTS, ONE_MACHINE
from carvalue.settings.network import NetworkSettings
from carvalue.settings.paths import AbsolutePath
from carvalue.settings.state import RegistrySettings, StateSettings

ORIGIN = re.compile(r"https?://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
RATE_LIMIT = 50.0  # requests a second: a small part of what one worker can answer


def _origins(value: str) -> str:
    for origin in filter(None, map(str.strip, value.split(","))):
        if not ORIGIN.fullmatch(origin):
            raise ValueError(
                "expected origins such as https://shop.example.com, in lower case, without a path"
            )
    return value


def _keys_file(chosen: Mapping[str, object]) -> Path:
    return Path(str(chosen.get("state_dir"))) / "service" / "keys"


def _rate_limit(chosen: Mapping[str, object]) -> float:
    return 0 if chosen.get("bind_host") in LOOPBACK_HOSTS else RATE_LIMIT


def _rate_burst(chosen: Mapping[str, object]) -> int:
    return max(1, 2 * ceil(float(str(chosen.get("rate_limit", 0)))))


class KeySettings(StateSettings):
    """The API keys that the price service accepts."""

    service_keys_file: Annotated[AbsolutePath, ONE_MACHINE] = Field(default_factory=_keys_file)
    """The file with the API keys of the price service, written by `carvalue keys`. Empty: a file below
    STATE_DIR. Without any key, every client on this machine is accepted, and the service listens on loopback
    only."""
    service_keys: SecretStr = SecretStr("")
    """More API keys of the price service as CLIENT sha256:HEX, separated by commas; for deployments without
    a key file."""


class ServiceSettings(KeySettings, NetworkSettings, RegistrySettings):
    """Everything that the price service reads."""

    service_workers: int = Field(default=1, ge=1, le=64)
    """How many processes of the price service share its port; one for each core that the service may use.
    Each takes 220 MB with a model of 40,000 model names. RATE_LIMIT applies to each process separately."""
    outbox_limit_mb: int = Field(default=256, ge=1)
    """How many MB of quotes may wait on local disk while the journal is unavailable. A quote takes about 0.4
    KB. Beyond the limit, quotes are answered but not stored."""
    on_full_disk: Literal["answer", "refuse"] = "answer"
    """What the price service does with a quote that it cannot record, because the disk or the outbox is full:
    `answer` (with `recorded: false`; in a file, without a quote id) or `refuse` (with status 503)."""
    batch_limit_mb: int = Field(default=256, ge=1)
    """The largest file that POST /predict/batch accepts, in MB. At most two files are stored below STATE_DIR
    at a time, each twice while it is read."""
    model_old_days: int = Field(default=90, ge=1)
    """The age in days, counted from its training, at which a model in production raises the alert
    CarvalueModelOld."""
    rate_limit: float = Field(default_factory=_rate_limit, ge=0)
    """How many requests a second one client of the price service may make, in each process. A client is an
    API key, or an address where no key is required. 0: no limit. Empty: no limit on loopback, otherwise
    50."""
    rate_burst: int = Field(default_factory=_rate_burst, ge=1)
    """How many requests a client may make at once after a pause. Empty: twice RATE_LIMIT."""
    rate_limit_redis: SecretStr = SecretStr("")
    """The URL of the Redis in which all workers and replicas of the price service count requests, such as
    redis://:PASSWORD@redis:6379. Empty: each process counts for itself."""
    canary_share: float = Field(default=0.05, ge=0, le=1)
    """The share of the requests, from 0 to 1, that the canary answers while one runs (`carvalue canary`)."""
    canary_clients: str = ""
    """The clients of the price service, by the names of their API keys and separated by commas, whose
    requests the canary answers all."""
    cors_origins: Annotated[str, AfterValidator(_origins)] = ""
    """The origins, separated by commas, whose web pages may call the price service from a browser (CORS),
    such as https://shop.example.com. Empty: no web page of another origin may."""
    visitor_clients: str = "page"
    """The clients of the price service, by the names of their API keys, that may name their visitors in the
    header X-Visitor, separated by commas. Each visitor then has a rate limit of its own. The page sends the
    network address of its visitor."""

    @property
    def cors_origin_names(self) -> frozenset[str]:
        """The origins of CORS_ORIGINS."""
        return frozenset(origin.strip() for origin in self.cors_origins.split(",") if origin.strip())

    @property
    def canary_client_names(self) -> frozenset[str]:
        """The names of CANARY_CLIENTS."""
        return frozenset(name.strip() for name in self.canary_clients.split(",") if name.strip())

    @property
    def visitor_client_names(self) -> frozenset[str]:
        """The names of VISITOR_CLIENTS."""
        return frozenset(name.strip() for name in self.visitor_clients.split(",") if name.strip())


class ClientSettings(NetworkSettings):
    """What the page and the commands need to call the price service."""

    service_api_key: SecretStr = SecretStr("")
    """The API key that the page and the commands on this machine send to the price service."""

    @property
    def service_headers(self) -> dict[str, str]:
        """The HTTP headers that a client on this machine sends to the price service."""
        key = self.service_api_key.get_secret_value()
        return {"X-API-Key": key} if key else {}
