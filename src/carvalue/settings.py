"""All settings, read from the environment and `.env` and validated once.

The defaults work on a new machine without any configuration.
"""

import re
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from carvalue.errors import AppError
from carvalue.urls import is_link_local, without_credentials

NAMED_DATA_SOURCES = ("auto", "kaggle", "sample")
RATE_LIMIT = 50.0  # requests a second: a small part of what one worker can answer
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
SKIPPED_DEFAULT = "default_factory_not_called"  # pydantic's error for a default that needs an invalid setting
LOCAL_PASSWORD = "airflow"  # noqa: S105  # the public default, accepted on loopback only


class InvalidSetting(AppError):
    """A setting has an invalid value. The message names the setting, the value and what is expected."""

    status, hint = 500, "Correct it in the environment or in .env; .env.example explains every setting."


def _data_source(value: str) -> str:
    if value in NAMED_DATA_SOURCES:
        return value
    path = Path(value).expanduser()
    if not path.is_file():
        names = ", ".join(NAMED_DATA_SOURCES)
        raise ValueError(f"expected {names} or the path of an existing .csv or .zip file")
    if path.suffix.lower() not in {".csv", ".zip"}:
        raise ValueError("expected a file that ends in .csv or .zip")
    return str(path.resolve())


def _dataset(value: str) -> str:
    path = Path(value).expanduser()
    if value and (path.suffix.lower() != ".toml" or not path.is_file()):
        raise ValueError(
            "expected the path of an existing .toml file, such as docs/how-to/map-columns.md shows"
        )
    return str(path.resolve()) if value else ""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:5000")
    return value.rstrip("/")


def _host_names(value: str) -> str:
    for name in filter(None, map(str.strip, value.split(","))):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", name):
            raise ValueError("expected names such as prices.example.com, without scheme and port")
    return value


def _links(value: str) -> str:
    for link in value.split(","):
        name, _, url = link.partition("=")
        if not name.strip() or urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("expected NAME=URL, with commas between them")
    return value


def _local_links(chosen: Mapping[str, object]) -> str:
    urls = {
        "Airflow": chosen.get("airflow_url"),
        "MLflow": chosen.get("mlflow_tracking_uri"),
        "Prometheus": _local(chosen, "prometheus_port"),
        "Grafana": _local(chosen, "grafana_port"),
        "API": f"{chosen.get('service_url')}/docs",
    }
    # MLflow may be a database, which a browser cannot open; every visitor sees the links
    links = {name: without_credentials(str(url)).replace("//***@", "//") for name, url in urls.items()}
    return ",".join(f"{name}={url}" for name, url in links.items() if url.startswith("http"))


def _journal_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("sqlite:///", "postgresql:", "postgresql+psycopg:")):
        raise ValueError("expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")
    # after the first @ comes the host, which messages show
    if value.get_secret_value().startswith("postgresql") and value.get_secret_value().count("@") > 1:
        raise ValueError("expected %40 in place of each @ in the user and the password")
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
    return f"http://127.0.0.1:{chosen.get(port)}"  # an invalid port has an error of its own


def _cluster_address(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.scheme in {"tcp", "tls"} and parts.hostname and parts.port):
        raise ValueError("expected a Dask scheduler's address such as tcp://127.0.0.1:8786, or nothing")
    return value


DataSource = Annotated[str, AfterValidator(_data_source)]
Dataset = Annotated[str, AfterValidator(_dataset)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
TrackingUri = Annotated[str, AfterValidator(_tracking_uri)]
ClusterAddress = Annotated[str, AfterValidator(_cluster_address)]
JournalUrl = Annotated[SecretStr, AfterValidator(_journal_url)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    """The settings of every part of carvalue.

    Each field is one setting. Its name in capitals is the name of the environment variable, which takes
    precedence over the same name in the file `.env`.

    >>> settings = Settings(service_port=9000, _env_file=None)
    >>> settings.service_url
    'http://127.0.0.1:9000'
    >>> settings.journal_url.get_secret_value()
    'sqlite:///var/service/journal.db'
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    data_source: DataSource = "auto"
    """Where the raw listings come from: `auto` (Kaggle if it answers, otherwise the generated sample),
    `kaggle`, `sample`, or the path of a .csv or .zip file with the 26 columns of the Kaggle data set."""
    dataset: Dataset = ""
    """The path of a .toml file that describes the columns, units and values of the file in DATA_SOURCE
    (docs/how-to/map-columns.md). Empty: the file has the columns of the Kaggle data set."""
    kaggle_dataset: str = Field(default="austinreese/craigslist-carstrucks-data", pattern=r"^[^/]+/[^/]+.*$")
    """The Kaggle data set as OWNER/NAME. Append /versions/N to pin a version."""
    kaggle_timeout_s: float = Field(default=30, gt=0)
    """How long to wait for one response from Kaggle, in seconds."""
    sample_rows: int = Field(default=30_000, ge=1_000)
    """How many raw rows the generated sample has; at least 1000."""
    sample_seed: int = 2021
    """The random seed of the generated sample. The same seed gives the same rows."""
    training_budget: Literal["auto", "quick", "default"] = "auto"
    """How long the parameter search and the training may take: `quick` (about a minute), `default` (up to 20
    minutes on the Kaggle data), `auto` (`quick` on the sample, `default` on other data)."""
    training_cluster: ClusterAddress = ""
    """The address of a Dask scheduler that trains the trees, such as tcp://scheduler:8786. Its workers need
    carvalue with the extra `dask` and access to the same STATE_DIR (docs/how-to/train-on-a-cluster.md).
    Empty: train in the pipeline's process."""

    retrain_on_alarm: bool = True
    """Whether an alarm of the watcher (drift, live accuracy, coverage) starts a retraining."""
    retrain_cooldown_h: float = Field(default=24, ge=0)
    """How many hours after a retraining no alarm starts another."""
    promotion_approval: Literal["none", "required"] = "none"
    """Whether a person must approve a version that passed every gate before it goes into production: `none`
    or `required`. Airflow asks for the approval under `Required Actions` and waits for a week."""
    max_level_change: float = Field(default=0.1, gt=0, le=1)
    """How far a promotion may move the price level without a person's approval, as a share of the champion's
    prices."""
    verified_sales_clients: str = ""
    """The clients whose reported sales are trusted, separated by commas, as `carvalue keys list` names them;
    `local` stands for callers on this machine without a key. The sales of all other clients are unverified:
    they are screened and capped, and they never set the price level."""
    retrain_schedule: str = Field(default="", pattern=r"^(@(hourly|daily|weekly|monthly)|\S+( \S+){4})?$")
    """When to retrain, in addition to alarms and manual runs: five cron fields, or @hourly, @daily, @weekly
    or @monthly. Empty: never."""

    state_dir: Path = Path("var")
    """The folder for everything that a running platform stores: data, databases, bundles and logs."""

    journal_url: JournalUrl = Field(default_factory=_journal_file)
    """The database that stores every quote: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE
    (needs `uv sync --extra postgres`). Empty: a SQLite file below STATE_DIR."""
    service_workers: int = Field(default=1, ge=1, le=64)
    """How many processes of the price service share its port; one for each core that the service may use.
    Each takes 220 MB with a model of 40,000 model names. RATE_LIMIT applies to each process separately."""
    spool_limit_mb: int = Field(default=256, ge=1)
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

    bind_host: str = "127.0.0.1"
    """The address that the price service, the page and the watcher listen on. Any address other than
    loopback requires an AIRFLOW_PASSWORD other than the default, and keys for the price service. Everything
    else listens on loopback only."""
    allowed_hosts: Annotated[str, AfterValidator(_host_names)] = ""
    """The host names, separated by commas, under which the price service, the page and the watcher answer; a
    web page could otherwise reach them by DNS rebinding. Loopback names are always accepted, and off
    loopback every IP address. Empty: only loopback names while BIND_HOST is loopback, otherwise every
    name."""
    airflow_port: Port = 8080
    """The port of Airflow."""
    mlflow_port: Port = 5000
    """The port of MLflow."""
    service_port: Port = 9696
    """The port of the price service."""
    page_port: Port = 8501
    """The port of the page."""
    watcher_port: Port = 9697
    """The port of the watcher."""
    prometheus_port: Port = 9090
    """The port of Prometheus."""
    alertmanager_port: Port = 9093
    """The port of Alertmanager."""
    grafana_port: Port = 3000
    """The port of Grafana."""
    mlflow_tracking_uri: TrackingUri = Field(default_factory=lambda chosen: _local(chosen, "mlflow_port"))
    """The URL of an MLflow server, or of a database such as sqlite:///mlflow.db to work without a server.
    Empty: the platform's own server on MLFLOW_PORT."""
    service_url: HttpUrl = Field(default_factory=lambda chosen: _local(chosen, "service_port"))
    """The URL of the price service for the page and the commands. Empty: the platform's own on
    SERVICE_PORT."""
    service_keys_file: Path = Field(default_factory=_keys_file)
    """The file with the API keys of the price service, written by `carvalue keys`. Empty: a file below
    STATE_DIR. Without any key, every client on this machine is accepted, and the service listens on loopback
    only."""
    service_keys: SecretStr = SecretStr("")
    """More API keys of the price service as CLIENT sha256:HEX, separated by commas; for deployments without
    a key file."""
    service_api_key: SecretStr = SecretStr("")
    """The API key that the page and the commands on this machine send to the price service."""
    rate_limit: float = Field(default_factory=_rate_limit, ge=0)
    """How many requests a second one client of the price service may make, in each process. A client is an
    API key, or an address where no key is required. 0: no limit. Empty: no limit on loopback, otherwise
    50."""
    rate_burst: int = Field(default_factory=_rate_burst, ge=1)
    """How many requests a client may make at once after a pause. Empty: twice RATE_LIMIT."""
    visitor_clients: str = "page"
    """The clients of the price service, by the names of their API keys, that may name their visitors in the
    header X-Visitor, separated by commas. Each visitor then has a rate limit of its own. The page sends the
    network address of its visitor."""
    watcher_url: HttpUrl = Field(default_factory=lambda chosen: _local(chosen, "watcher_port"))
    """The URL of the watcher for the page. Empty: the platform's own on WATCHER_PORT."""
    alert_urls: SecretStr = SecretStr("console:")
    """The receivers of alerts, as URLs separated by commas: `console:`, a webhook in Slack's format such as
    https://hooks.example.com/..., or e-mail as
    smtp://USER:PASSWORD@HOST:587/?from=cars@example.com&to=you@example.com (smtps:// for TLS on port
    465)."""
    alert_link_local: bool = False
    """Whether ALERT_URLS may name link-local addresses such as 169.254.169.254, where clouds serve the
    credentials of a machine."""
    airflow_url: HttpUrl = Field(default_factory=lambda chosen: _local(chosen, "airflow_port"))
    """The URL of Airflow, from which the watcher reads the state of pipeline runs. Empty: the platform's own
    on AIRFLOW_PORT."""
    operator_links: Annotated[str, AfterValidator(_links)] = Field(default_factory=_local_links)
    """The links for operators on the page's monitoring, as NAME=URL separated by commas. Empty: the
    platform's own parts."""
    airflow_user: str = Field(default="airflow", min_length=1)
    """The name of the Airflow user."""
    airflow_password: SecretStr = Field(default=SecretStr(LOCAL_PASSWORD), min_length=1)
    """The password of the Airflow user. The default is accepted only while BIND_HOST is loopback."""

    @model_validator(mode="after")
    def _dataset_needs_a_file(self) -> "Settings":
        if self.dataset and self.data_source in NAMED_DATA_SOURCES:
            raise ValueError(
                f"DATA_SOURCE is {self.data_source!r}, whose columns are known: expected the path of the "
                "file that DATASET describes"
            )
        return self

    @model_validator(mode="after")
    def _default_password_on_loopback_only(self) -> "Settings":
        is_default = self.airflow_password.get_secret_value() == LOCAL_PASSWORD
        if is_default and not self.is_loopback:
            raise ValueError(
                f"BIND_HOST={self.bind_host!r} is reachable from outside: "
                "expected an AIRFLOW_PASSWORD other than the well-known default"
            )
        return self

    @model_validator(mode="after")
    def _no_alerts_to_metadata_servers(self) -> "Settings":
        for url in self.notifier_urls:
            try:
                host = urlsplit(url).hostname or ""
            except ValueError:
                raise ValueError("ALERT_URLS (not shown) has a URL that cannot be parsed") from None
            if is_link_local(host) and not self.alert_link_local:
                raise ValueError(
                    f"ALERT_URLS names the link-local address {host}, where clouds serve credentials: "
                    "expected another host, or ALERT_LINK_LOCAL=true"
                )
        return self

    @property
    def notifier_urls(self) -> tuple[str, ...]:
        """The URLs in ALERT_URLS, one for each receiver of alerts."""
        urls = self.alert_urls.get_secret_value().split(",")
        return tuple(url.strip() for url in urls if url.strip())

    @property
    def service_headers(self) -> dict[str, str]:
        """The HTTP headers that a client on this machine sends to the price service."""
        key = self.service_api_key.get_secret_value()
        return {"X-API-Key": key} if key else {}

    @property
    def is_loopback(self) -> bool:
        """Whether BIND_HOST can be reached from this machine only."""
        return self.bind_host in LOOPBACK_HOSTS

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """The names of ALLOWED_HOSTS, in lower case."""
        names = (name.strip().lower() for name in self.allowed_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def links(self) -> Mapping[str, str]:
        """The links of OPERATOR_LINKS: URL by name."""
        pairs = (link.partition("=") for link in self.operator_links.split(","))
        return {name.strip(): url.strip() for name, _, url in pairs}

    @property
    def quarantine_folder(self) -> Path:
        """Folder of the quotes that the price service could not store in the journal."""
        return self.state_dir / "service" / "quarantine"

    @property
    def verified_clients(self) -> frozenset[str]:
        """Clients whose reported sales an operator vouches for."""
        return frozenset(name.strip() for name in self.verified_sales_clients.split(",") if name.strip())

    @property
    def visitor_client_names(self) -> frozenset[str]:
        """The names of VISITOR_CLIENTS."""
        return frozenset(name.strip() for name in self.visitor_clients.split(",") if name.strip())

    @property
    def storage_root(self) -> Path:
        """The folder of datasets, drift references and bundles."""
        return self.state_dir / "storage"


SECRETS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


def load_settings() -> Settings:
    """Read and validate the settings.

    Returns:
        The settings of this process.

    Raises:
        InvalidSetting: A setting is invalid. The message names each invalid setting in one line.

    >>> import os
    >>> os.environ["SERVICE_PORT"] = "70000"
    >>> load_settings()
    Traceback (most recent call last):
    carvalue.settings.InvalidSetting: SERVICE_PORT is '70000': input should be less than or equal to ...
    >>> del os.environ["SERVICE_PORT"]
    """
    try:
        return Settings()
    except ValidationError as error:
        invalid = [item for item in error.errors() if item["type"] != SKIPPED_DEFAULT]
        raise InvalidSetting("; ".join(_describe(item) for item in invalid)) from None


def _describe(item: ErrorDetails) -> str:
    message = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name = str(item["loc"][0]).upper()
    value = "(not shown)" if name.lower() in SECRETS else without_credentials(repr(item["input"]))
    return f"{name} is {value}: {message[0].lower()}{message[1:]}."
