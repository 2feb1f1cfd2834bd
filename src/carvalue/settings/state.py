"""Where the platform stores what it must not lose: the state folder, the journal and the registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from carvalue.settings.base import SettingsGroup
from carvalue.settings.paths import absolute, absolute_url, project_folder
from carvalue.settings.values import Port, http_url, loopback_url

DEFAULT_STATE = Path("var")


def _state_dir(value: Path) -> Path:
    return absolute(project_folder() / value if value == DEFAULT_STATE else value)


class StateSettings(SettingsGroup):
    """The folder of everything that a running platform stores."""

    state_dir: Annotated[Path, AfterValidator(_state_dir)] = Field(
        default=DEFAULT_STATE, validate_default=True
    )
    """The folder for everything that a running platform stores: data, databases, bundles and logs."""

    @property
    def storage_root(self) -> Path:
        """The folder of datasets, drift references and bundles."""
        return self.state_dir / "storage"

    @property
    def quarantine_folder(self) -> Path:
        """Folder of the quotes that the price service could not store in the journal."""
        return self.state_dir / "service" / "quarantine"


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


class JournalSettings(StateSettings):
    """The database of quotes and decisions."""

    journal_url: Annotated[SecretStr, AfterValidator(_journal_url)] = Field(default_factory=_journal_file)
    """The database that stores every quote: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE
    (needs `uv sync --extra postgres`). Empty: a SQLite file below STATE_DIR."""


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


class RegistrySettings(MlflowSettings, JournalSettings):
    """The versions of the model and the decisions about them."""
