"""What all groups of settings share: where they are read from, and the error for an invalid value."""

from typing import Any

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from carvalue.errors import AppError

ONE_MACHINE = "one machine"
"""Marks a setting, in its type, that a deployment with containers cannot choose: the image, or the network
between containers, decides what it is."""
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


class InvalidSetting(AppError):
    """A setting has an invalid value or an unknown name. The message names it and what is expected."""

    status, hint = 500, "Correct it in the environment or in .env; .env.example explains every setting."


class SettingsGroup(BaseSettings):
    """Settings that are read together; what reads a group does not notice invalid settings of other groups.

    Each field is one setting. Its name in capitals is the name of the environment variable, which takes
    precedence over the same name in the file `.env`. `load_settings` reads both; a group that is made
    directly reads the environment only. None stands for the default of a field.
    """

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _none_is_the_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}
