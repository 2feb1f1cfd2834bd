"""Where the platform stores what it must not lose: the state folder, the journal and the registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from carvalue.settings.base import ONE_MACHINE, SettingsGroup
from carvalue.settings.paths import PEM, absolute, absolute_url, project_folder
from carvalue.settings.values import Port, http_url, loopback_url

DEFAULT_STATE = Path("var")
FILE = "file://"


def _state_dir(value: Path) -> Path:
    return absolute(project_folder() / value if value == DEFAULT_STATE else value)


def _storage_url(value: str) -> str:
    parts = urlsplit(value)
    is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    if not is_folder and not (parts.scheme == "s3" and parts.netloc):
        raise ValueError("expected file:///PATH or s3://BUCKET/PREFIX")
    return value.rstrip("/")


def _storage_folder(chosen: Mapping[str, object]) -> str:
    return f"{FILE}{chosen.get('state_dir')}/storage"


class StateSettings(SettingsGroup):
    """The folder of everything that a running platform stores."""

    state_dir: Annotated[Path, AfterValidator(_state_dir), ONE_MACHINE] = Field(
        default=DEFAULT_STATE, validate_default=True
    )
    """The folder for everything that a running platform stores: data, databases, bundles and logs."""

    storage_url: Annotated[str, AfterValidator(_storage_url)] = Field(default_factory=_storage_folder)
    """Where datasets, drift references, drift reports and the pipelines' working files are: file:///PATH or
    s3://BUCKET/PREFIX (needs `uv sync --extra aws`). Empty: a folder below STATE_DIR."""

    @property
    def storage_root(self) -> Path:
        """The folder of datasets, drift references and working files; for a bucket that of their copies."""
        if self.storage_url.startswith(FILE):
            return Path(urlsplit(self.storage_url).path)
        return self.state_dir / "storage"

    @property
    def quarantine_folder(self) -> Path:
        """Folder of the quotes that the price service could not store in the journal."""
        return self.state_dir / "service" / "quarantine"


class PlatformSettings(SettingsGroup):
    """How the platform is set up on one machine."""

    monitoring_download: Annotated[bool, ONE_MACHINE] = True
    """Whether `make build` downloads the official releases of Prometheus, Alertmanager and Grafana that are
    not installed (336 MB) into STATE_DIR, and verifies their checksums. Where there is no internet, the
    platform runs without them."""


def _journal_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if not url.startswith(("sqlite:///", "postgresql:", "postgresql+psycopg:")):
        raise ValueError("expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")
    # after the first @ comes the host, which messages show
    if url.startswith("postgresql") and url.count("@") > 1:
        raise ValueError("expected %40 in place of each @ in the user and the password")
    return SecretStr(absolute_url(url))


def _journal_file(chosen: Mapping[str, object]) -> SecretStr:
    return SecretStr(f"sqlite:///{chosen.get('state_dir')}/service/journal.db")


def _archive_url(chosen: Mapping[str, object]) -> str:
    return f"{chosen.get('storage_url')}/journal-archive"


class JournalSettings(StateSettings):
    """The database of quotes and decisions."""

    journal_url: Annotated[SecretStr, AfterValidator(_journal_url)] = Field(default_factory=_journal_file)
    """The database that stores every quote: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE
    (needs `uv sync --extra postgres`). Empty: a SQLite file below STATE_DIR."""
    journal_keep_days: int = Field(default=0, ge=0)
    """How many days quotes stay in the journal, with their sales and ratings. `carvalue journal archive` and
    `carvalue journal prune` remove older ones; run one of them every day. 0: for ever."""
    journal_archive_url: Annotated[str, AfterValidator(_storage_url)] = Field(default_factory=_archive_url)
    """Where `carvalue journal archive` writes old quotes as Parquet files: file:///PATH or s3://BUCKET/PREFIX
    (needs `uv sync --extra aws`). Empty: a folder below STORAGE_URL."""


def _tracking_uri(value: str) -> str:
    return absolute_url(value) if value.startswith(("sqlite:///", "postgresql")) else http_url(value)


class MlflowSettings(SettingsGroup):
    """The server of experiments and models."""

    mlflow_port: Port = 5000
    """The port of MLflow."""
    mlflow_tracking_uri: Annotated[str, AfterValidator(_tracking_uri)] = Field(
        default_factory=lambda chosen: loopback_url(chosen, "mlflow_port")
    )
    """The URL of an MLflow server, or of a database such as sqlite:///mlflow.db to work without a server.
    Empty: the platform's own server on MLFLOW_PORT."""


def _optional_storage_url(value: str) -> str:
    return _storage_url(value) if value else ""


def _key(value: str) -> str:
    return str(absolute(value)) if value and not value.lstrip().startswith(PEM) else value


def _secret_key(value: SecretStr) -> SecretStr:
    return SecretStr(_key(value.get_secret_value()))


def _unsigned_bundles(chosen: Mapping[str, object]) -> Literal["refuse", "accept"]:
    return "refuse" if chosen.get("bundle_public_key") else "accept"


class RegistrySettings(MlflowSettings, JournalSettings):
    """The versions of the model, the decisions about them, and the published version in production."""

    bundle_url: Annotated[str, AfterValidator(_optional_storage_url)] = ""
    """Where the version in production is published at each promotion, and where the price service, the
    watcher and `carvalue score` load it from: file:///PATH or s3://BUCKET/PREFIX (needs `uv sync --extra
    aws`). They then work without MLflow. Empty: nothing is published, and they load from MLflow."""
    bundle_signing_key: Annotated[SecretStr, AfterValidator(_secret_key)] = SecretStr("")
    """The private key that signs published versions, for pipelines and commands that promote: a PEM file, or
    its content (docs/how-to/manage-versions.md). Empty: published versions are not signed."""
    bundle_public_key: Annotated[str, AfterValidator(_key)] = ""
    """The public key with which published versions are verified before they are loaded: a PEM file, or its
    content. Empty: only their checksums are verified."""
    unsigned_bundles: Literal["refuse", "accept"] = Field(default_factory=_unsigned_bundles)
    """What is done with a published version that has no signature: `refuse` (the version in use stays) or
    `accept`. Empty: `refuse` if there is a BUNDLE_PUBLIC_KEY, otherwise `accept`."""

    @field_validator("unsigned_bundles")
    @classmethod
    def _key_for_required_signatures(cls, value: str, others: ValidationInfo) -> str:
        if value == "refuse" and others.data.get("bundle_url") and not others.data.get("bundle_public_key"):
            raise ValueError("expected a BUNDLE_PUBLIC_KEY to verify signatures with, or accept")
        return value
