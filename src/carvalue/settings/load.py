"""Read settings from the environment and `.env`, and report what is wrong with them."""

import logging
import os
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import TypeVar, cast, overload

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from carvalue.settings.base import ONE_MACHINE, InvalidSetting, SettingsGroup
from carvalue.settings.market import MarketSettings
from carvalue.settings.names import RENAMED, UnknownName, unknown_in_environment, unknown_in_file
from carvalue.settings.page import PageSettings
from carvalue.settings.paths import ENV_FILE, PEM, SQLITE, in_folder, project_folder
from carvalue.settings.pipelines import PipelineSettings, ScheduleSettings
from carvalue.settings.service import ServiceSettings
from carvalue.settings.state import PlatformSettings
from carvalue.settings.watcher import WatcherSettings
from carvalue.urls import without_credentials

SKIPPED_DEFAULT = "default_factory_not_called"  # pydantic's error for a default that needs an invalid setting


class Settings(
    PlatformSettings,
    PageSettings,
    WatcherSettings,
    ServiceSettings,
    ScheduleSettings,
    PipelineSettings,
    MarketSettings,
):
    """The settings of every part of carvalue, for what starts or checks the whole platform.

    >>> settings = Settings(service_port=9000)
    >>> settings.service_url
    'http://127.0.0.1:9000'
    >>> settings.journal_url.get_secret_value()
    'sqlite:////.../var/service/journal.db'
    """


SECRETS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
"""The fields that are never shown."""
NAMES = frozenset(name.upper() for name in Settings.model_fields)
"""The environment variables of all settings."""

DEPLOYABLE = frozenset(
    name.upper() for name, field in Settings.model_fields.items() if ONE_MACHINE not in field.metadata
)
"""The environment variables that containers may have; the others are decided by images and networks."""

PATHS = {
    "STATE_DIR",
    "SERVICE_KEYS_FILE",
    "DATA_SOURCE",
    "DATASET",
    "MARKET",
    "JOURNAL_URL",
    "BUNDLE_SIGNING_KEY",
    "BUNDLE_PUBLIC_KEY",
    "MLFLOW_TRACKING_URI",
    "PRICE_INDEX",
}

Group = TypeVar("Group", bound=SettingsGroup)

logger = logging.getLogger(__name__)


@overload
def load_settings() -> Settings: ...


@overload
def load_settings(group: type[Group]) -> Group: ...


def load_settings(group: type[SettingsGroup] = Settings) -> SettingsGroup:
    """Read and validate one group of settings; those of other groups may be invalid.

    Args:
        group: The group; all settings unless it is given.

    Returns:
        The settings of this process.

    Raises:
        InvalidSetting: A setting of the group is invalid, or a name resembles one of the group's. The message
            names each of them in one line.

    >>> import os
    >>> from carvalue.settings import StateSettings
    >>> os.environ["SERVICE_PORT"] = "70000"
    >>> load_settings()
    Traceback (most recent call last):
    carvalue.settings.base.InvalidSetting: SERVICE_PORT is '70000': input should be less than or equal to ...
    >>> load_settings(StateSettings).state_dir.name
    'var'
    >>> del os.environ["SERVICE_PORT"]
    """
    problems = [
        str(unknown)
        for unknown in _unknown_names()
        if group is Settings or unknown.meant.lower() in group.model_fields
    ]
    try:
        settings = _read(group)
    except ValidationError as error:
        problems += [_describe(item) for item in _invalid(error)]
    if problems:
        raise InvalidSetting(" ".join(problems))
    return settings


def load_usable_settings() -> tuple[Settings, tuple[str, ...]]:
    """Read all settings; an invalid one is replaced by its default and reported.

    Returns:
        The settings, and a sentence for each one that is invalid or misspelled.

    >>> import os
    >>> os.environ["SAMPLE_ROWS"] = "many"
    >>> settings, problems = load_usable_settings()
    >>> settings.sample_rows, problems[0]
    (30000, "SAMPLE_ROWS is 'many': input should be a valid integer, unable to parse string as an integer.")
    >>> del os.environ["SAMPLE_ROWS"]
    """
    problems = [str(unknown) for unknown in _unknown_names()]
    defaults: dict[str, None] = {}
    while True:
        try:
            return _read(Settings, **defaults), tuple(problems)
        except ValidationError as error:
            invalid = {str(item["loc"][0]): item for item in _invalid(error)}
            if invalid.keys() <= defaults.keys():
                raise  # a fault of this program: its defaults do not fit together
            problems += map(_describe, invalid.values())
            defaults |= dict.fromkeys(invalid)


def check_deployed(names: Iterable[str]) -> None:
    """Check the names of settings that a deployment gives to its containers in plain text.

    Args:
        names: The names of environment variables.

    Raises:
        InvalidSetting: A name is none of a setting, is that of a secret, or has no effect in a container. The
            message names each of them in one line.

    >>> check_deployed(["RETRAIN_SCHEDULE", "DATA_FILE"])
    Traceback (most recent call last):
    carvalue.settings.base.InvalidSetting: DATA_FILE is not a setting. ...
    """
    problems = [problem for name in names if (problem := _problem_of_deployed(name))]
    if problems:
        raise InvalidSetting(" ".join(problems))


def _problem_of_deployed(name: str) -> str:
    if name.lower() in SECRETS:
        return f"{name} is a secret: expected a file in deploy/secrets, or a secret of the cloud."
    if RENAMED.get(name, name) in DEPLOYABLE:
        return ""
    if name in NAMES:
        return f"{name} has no effect in a container: expected it to be absent."
    return next(map(str, unknown_in_file([name], known=NAMES)), f"{name} is not a setting.")


def _read(group: type[Group], **values: str | None) -> Group:
    file, read = project_folder() / ENV_FILE, cast(Callable[..., Group], group)  # mypy knows no `_env_file`
    return read(_env_file=file, **_renamed_in(file, fields=group.model_fields) | _paths_in(file) | values)


def _renamed_in(file: Path, *, fields: Container[str]) -> dict[str, str]:
    """Read settings under their earlier names; a value under the new name takes precedence."""
    given = {name.upper(): value for name, value in dotenv_values(file).items() if value}
    given |= {name: value for name, value in os.environ.items() if value}
    renamed = {
        earlier: name
        for earlier, name in RENAMED.items()
        if earlier in given and name not in given and name.lower() in fields
    }
    for earlier, name in renamed.items():
        logger.warning("%s has the new name %s; the next release ignores %s", earlier, name, earlier)
    return {name.lower(): given[earlier] for earlier, name in renamed.items()}


def _paths_in(file: Path) -> dict[str, str]:
    """Resolve the relative paths of `.env` at its folder; the environment takes precedence."""
    given = {name.upper(): value for name, value in dotenv_values(file).items() if value}
    return {
        name.lower(): in_folder(given[name], file.parent)
        for name in PATHS & given.keys()
        if not os.environ.get(name) and _holds_path(name, given[name])
    }


def _holds_path(name: str, value: str) -> bool:
    if name in {"DATA_SOURCE", "MARKET"}:  # otherwise a name such as `sample`, or an address
        return "://" not in value and (bool(Path(value).suffix) or "/" in value)
    if value.startswith(PEM):
        return False
    return value.startswith(SQLITE) or not name.endswith(("_URL", "_URI"))


def _unknown_names() -> Iterator[UnknownName]:
    yield from unknown_in_file(map(str.upper, dotenv_values(project_folder() / ENV_FILE)), known=NAMES)
    yield from unknown_in_environment(os.environ, known=NAMES)


def _invalid(error: ValidationError) -> list[ErrorDetails]:
    return [item for item in error.errors() if item["type"] != SKIPPED_DEFAULT]


def _describe(item: ErrorDetails) -> str:
    name, message = str(item["loc"][0]).upper(), item["msg"].removeprefix("Value error, ")
    value = "(not shown)" if name.lower() in SECRETS else without_credentials(repr(item["input"]))
    if message[1].islower():  # otherwise it begins with the name of a setting
        message = message[0].lower() + message[1:]
    return f"{name} is {value}: {message}."
