"""Every setting, validated once; the defaults make a bare machine work, production is other values."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from carvalue.errors import AppError

DATA_SOURCE_WORDS = ("auto", "kaggle", "sample")
RATE_LIMIT = 50.0  # requests a second: one client takes a small part of what a worker answers
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
FOLLOWS_FROM_A_BAD_ONE = "default_factory_not_called"  # what pydantic says of a default that needs another
LOCAL_PASSWORD = "airflow"  # noqa: S105  # known to everyone, hence accepted on loopback only


class InvalidSetting(AppError):
    """A setting that cannot work: names the setting, what came and what is expected."""

    status, hint = 500, "Correct it in the environment or in .env; .env.example explains every setting."


def _data_source(value: str) -> str:
    if value in DATA_SOURCE_WORDS:
        return value
    path = Path(value).expanduser()
    if not path.is_file():
        words = ", ".join(DATA_SOURCE_WORDS)
        raise ValueError(f"expected {words} or the path of an existing .csv or .zip file")
    if path.suffix.lower() not in {".csv", ".zip"}:
        raise ValueError("expected a file that ends in .csv or .zip")
    return str(path.resolve())


def _dataset(value: str) -> str:
    path = Path(value).expanduser()
    if value and (path.suffix.lower() != ".toml" or not path.is_file()):
        raise ValueError("expected the path of an existing .toml file, such as docs/own-data.md describes")
    return str(path.resolve()) if value else ""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:5000")
    return value.rstrip("/")


def _links(value: str) -> str:
    for link in value.split(","):
        name, _, url = link.partition("=")
        if not name.strip() or urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("expected NAME=URL, with commas between them")
    return value


def _local_links(chosen: Mapping[str, object]) -> str:
    places = {
        "Airflow": chosen.get("airflow_url"),
        "MLflow": chosen.get("mlflow_tracking_uri"),
        "Prometheus": _local(chosen, "prometheus_port"),
        "Grafana": _local(chosen, "grafana_port"),
        "API": f"{chosen.get('service_url')}/docs",
    }
    # MLflow may be a database, which no browser opens
    return ",".join(f"{name}={place}" for name, place in places.items() if str(place).startswith("http"))


def _journal_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("sqlite:///", "postgresql:", "postgresql+psycopg:")):
        raise ValueError("expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")
    return value


def _journal_file(chosen: Mapping[str, object]) -> SecretStr:
    return SecretStr(f"sqlite:///{chosen.get('state_dir')}/service/journal.db")


def _keys_file(chosen: Mapping[str, object]) -> Path:
    return Path(str(chosen.get("state_dir"))) / "service" / "keys"


def _rate_limit(chosen: Mapping[str, object]) -> float:
    return 0 if chosen.get("bind_host") in LOOPBACK_HOSTS else RATE_LIMIT


def _rate_burst(chosen: Mapping[str, object]) -> int:
    return max(1, 2 * ceil(float(str(chosen.get("rate_limit", 0)))))


def _tracking_uri(value: str) -> str:
    return value if value.startswith(("sqlite:///", "postgresql")) else _http_url(value)


def _local(chosen: Mapping[str, object], port: str) -> str:
    return f"http://127.0.0.1:{chosen.get(port)}"  # no port: it is refused by itself, in its own words


def _cluster(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.scheme in {"tcp", "tls"} and parts.hostname and parts.port):
        raise ValueError("expected a Dask scheduler's address such as tcp://127.0.0.1:8786, or nothing")
    return value


DataSource = Annotated[str, AfterValidator(_data_source)]
Dataset = Annotated[str, AfterValidator(_dataset)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
TrackingUri = Annotated[str, AfterValidator(_tracking_uri)]
ClusterAddress = Annotated[str, AfterValidator(_cluster)]
JournalUrl = Annotated[SecretStr, AfterValidator(_journal_url)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    """What can be set, in the environment or in `.env`; names are the fields' names in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_source: DataSource = "auto"
    dataset: Dataset = ""
    kaggle_dataset: str = Field(default="austinreese/craigslist-carstrucks-data", pattern=r"^[^/]+/[^/]+.*$")
    kaggle_timeout_s: float = Field(default=30, gt=0)
    sample_rows: int = Field(default=30_000, ge=1_000)
    sample_seed: int = 2021
    training_budget: Literal["auto", "quick", "default"] = "auto"
    retrain_on_alarm: bool = True
    retrain_cooldown_h: float = Field(default=24, ge=0)
    promotion_approval: Literal["none", "required"] = "none"
    max_level_change: float = Field(default=0.1, gt=0, le=1)
    verified_sales_clients: str = ""
    retrain_schedule: str = Field(default="", pattern=r"^(@(hourly|daily|weekly|monthly)|\S+( \S+){4})?$")
    training_cluster: ClusterAddress = ""

    state_dir: Path = Path("var")
    journal_url: JournalUrl = Field(default_factory=_journal_file)
    service_workers: int = Field(default=1, ge=1, le=64)
    spool_limit_mb: int = Field(default=256, ge=1)
    batch_limit_mb: int = Field(default=256, ge=1)
    model_old_days: int = Field(default=90, ge=1)

    alert_urls: SecretStr = SecretStr("console:")

    bind_host: str = "127.0.0.1"
    airflow_port: Port = 8080
    mlflow_port: Port = 5000
    service_port: Port = 9696
    page_port: Port = 8501
    watcher_port: Port = 9697
    prometheus_port: Port = 9090
    alertmanager_port: Port = 9093
    grafana_port: Port = 3000
    mlflow_tracking_uri: TrackingUri = Field(default_factory=lambda chosen: _local(chosen, "mlflow_port"))
    service_url: HttpUrl = Field(default_factory=lambda chosen: _local(chosen, "service_port"))
    watcher_url: HttpUrl = Field(default_factory=lambda chosen: _local(chosen, "watcher_port"))
    service_keys_file: Path = Field(default_factory=_keys_file)
    service_keys: SecretStr = SecretStr("")
    service_api_key: SecretStr = SecretStr("")
    rate_limit: float = Field(default_factory=_rate_limit, ge=0)
    rate_burst: int = Field(default_factory=_rate_burst, ge=1)
    airflow_url: HttpUrl = Field(default_factory=lambda chosen: _local(chosen, "airflow_port"))
    operator_links: Annotated[str, AfterValidator(_links)] = Field(default_factory=_local_links)
    airflow_user: str = Field(default="airflow", min_length=1)
    airflow_password: SecretStr = Field(default=SecretStr(LOCAL_PASSWORD), min_length=1)

    @model_validator(mode="after")
    def _a_description_describes_a_file(self) -> "Settings":
        if self.dataset and self.data_source in DATA_SOURCE_WORDS:
            raise ValueError(
                f"DATA_SOURCE is {self.data_source!r}, whose columns are known: expected the path of the "
                "file that DATASET describes"
            )
        return self

    @model_validator(mode="after")
    def _no_known_password_off_loopback(self) -> "Settings":
        known = self.airflow_password.get_secret_value() == LOCAL_PASSWORD
        if known and self.bind_host not in LOOPBACK_HOSTS:
            raise ValueError(
                f"BIND_HOST={self.bind_host!r} is reachable from outside: "
                "expected an AIRFLOW_PASSWORD other than the well-known default"
            )
        return self

    @property
    def alert_sinks(self) -> tuple[str, ...]:
        """The URLs of ALERT_URLS."""
        urls = self.alert_urls.get_secret_value().split(",")
        return tuple(url.strip() for url in urls if url.strip())

    @property
    def service_headers(self) -> dict[str, str]:
        """What whoever asks the price service sends along."""
        key = self.service_api_key.get_secret_value()
        return {"X-API-Key": key} if key else {}

    @property
    def links(self) -> Mapping[str, str]:
        """Where operators find the other parts in their browsers: name -> URL."""
        pairs = (link.partition("=") for link in self.operator_links.split(","))
        return {name.strip(): url.strip() for name, _, url in pairs}

    @property
    def verified_clients(self) -> frozenset[str]:
        """Clients whose reported sales an operator vouches for."""
        return frozenset(name.strip() for name in self.verified_sales_clients.split(",") if name.strip())

    @property
    def storage_root(self) -> Path:
        """Where datasets, the reference and bundles are kept."""
        return self.state_dir / "storage"


SECRETS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


def load_settings() -> Settings:
    """Read and check every setting.

    Raises:
        InvalidSetting: names each setting that cannot work, what came and what is expected, in one line.
    """
    try:
        return Settings()
    except ValidationError as error:
        bad = [item for item in error.errors() if item["type"] != FOLLOWS_FROM_A_BAD_ONE]
        raise InvalidSetting("; ".join(_describe(item) for item in bad)) from None


def _describe(item: ErrorDetails) -> str:
    message = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name = str(item["loc"][0]).upper()
    came = "(not shown)" if name.lower() in SECRETS else repr(item["input"])
    return f"{name} is {came}: {message[0].lower()}{message[1:]}."
