"""`.env.example` names every setting with its default and its description, and no other."""

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from carvalue.settings import Settings

ROOT = Path(__file__).parents[2]


def test_env_example_equals_the_settings() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    defaults = {name.upper(): _plain(field) for name, field in Settings.model_fields.items()}

    assert written == defaults


def test_env_example_describes_each_setting_as_the_code_does() -> None:
    _, *blocks = (ROOT / ".env.example").read_text().split("\n\n")
    written = {}
    for block in blocks:
        *comments, setting = block.strip().splitlines()
        written[setting.partition("=")[0]] = _words(" ".join(line.removeprefix("#") for line in comments))

    assert written == {
        name.upper(): _words((field.description or "").replace("`", ""))
        for name, field in Settings.model_fields.items()
    }


def _words(text: str) -> list[str]:
    return text.split()


def _plain(field: FieldInfo) -> str:
    if field.default_factory:
        return ""  # follows from other settings
    value = field.default
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
