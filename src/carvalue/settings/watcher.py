"""What the watcher reads: the receivers of alerts, Airflow's login, and what an alarm starts."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from carvalue.settings.base import LOOPBACK_HOSTS, SettingsGroup
from carvalue.settings.network import NetworkSettings
from carvalue.settings.pipelines import SalesSettings
from carvalue.settings.state import RegistrySettings
from carvalue.settings.values import optional_url
from carvalue.urls import is_link_local

LOCAL_PASSWORD = "airflow"  # noqa: S105  # the public default, accepted on loopback only


class LoginSettings(SettingsGroup):
    """Airflow's login."""

    airflow_user: str = Field(default="airflow", min_length=1)
    """The name of the Airflow user."""
    airflow_password: SecretStr = Field(default=SecretStr(LOCAL_PASSWORD), min_length=1)
    """The password of the Airflow user. The default is accepted only while BIND_HOST is loopback."""


class AirflowSettings(NetworkSettings, LoginSettings):
    """Airflow's address and login."""

    @field_validator("bind_host")
    @classmethod
    def _default_password_on_loopback_only(cls, value: str, others: ValidationInfo) -> str:
        password = others.data.get("airflow_password")
        if value not in LOOPBACK_HOSTS and password and password.get_secret_value() == LOCAL_PASSWORD:
            raise ValueError(
                "it can be reached from other machines: expected an AIRFLOW_PASSWORD other than the "
                "well-known default"
            )
        return value


class AlertSettings(SettingsGroup):
    """The receivers of alerts."""

    alertmanager_url: Annotated[str, AfterValidator(optional_url)] = ""
    """The URL of the Alertmanager that the watcher sends its alerts to, so that silences, inhibition and
    grouping apply to them. Empty: on one machine the platform's own, where Alertmanager is installed;
    otherwise the watcher notifies the receivers in ALERT_URLS itself."""
    alert_link_local: bool = False
    """Whether ALERT_URLS may name link-local addresses such as 169.254.169.254, where clouds serve the
    credentials of a machine."""
    alert_urls: SecretStr = SecretStr("console:")
    """The receivers of alerts, as URLs of apprise separated by commas, such as slack://TOKEN/TOKEN/TOKEN,
    mailtos://USER:PASSWORD@HOST?from=cars@example.com&to=you@example.com, pagerduty://KEY@APIKEY or
    jsons://HOST/PATH. `console:` writes to the watcher's log and notifies nobody. An installed
    package may add other schemes (docs/how-to/extend.md)."""

    @field_validator("alert_urls")
    @classmethod
    def _no_metadata_servers(cls, value: SecretStr, others: ValidationInfo) -> SecretStr:
        for url in _split(value):
            try:
                host = urlsplit(url).hostname or ""
            except ValueError:
                raise ValueError("a URL in it cannot be parsed") from None
            if is_link_local(host) and not others.data.get("alert_link_local"):
                raise ValueError(
                    f"it names the link-local address {host}, where clouds serve credentials: expected "
                    "another host, or ALERT_LINK_LOCAL=true"
                )
        return value

    @property
    def notifier_urls(self) -> tuple[str, ...]:
        """The URLs in ALERT_URLS, one for each receiver of alerts."""
        return _split(self.alert_urls)


class RetrainingSettings(SettingsGroup):
    """What an alarm starts."""

    retrain_on_alarm: bool = True
    """Whether an alarm of the watcher (drift, live accuracy, coverage) starts a retraining."""
    retrain_cooldown_h: float = Field(default=24, ge=0)
    """How many hours after a retraining no alarm starts another."""


class RangeSettings(SettingsGroup):
    """What reported sales change without a retraining."""

    correct_ranges: bool = True
    """Whether reported sales correct the price ranges of the version in production: level and width follow
    the newest 500 sales, and no end of a range moves by more than 10 %. Prices are never changed."""


class WatcherSettings(
    RangeSettings, RetrainingSettings, SalesSettings, AlertSettings, AirflowSettings, RegistrySettings
):
    """Everything that the watcher reads."""


def _split(urls: SecretStr) -> tuple[str, ...]:
    # a comma within a URL, as in a list of addresses, is followed by no scheme
    parts = re.split(r",\s*(?=[A-Za-z][A-Za-z0-9+.-]*:)", urls.get_secret_value())
    return tuple(url.strip(" ,") for url in parts if url.strip(" ,"))
