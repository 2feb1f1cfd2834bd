"""`.env.example` names every setting with its default, and no other."""

from pathlib import Path

from pydantic import SecretStr

from carvalue.settings import Settings

ROOT = Path(__file__).parents[2]


def test_env_example_equals_the_settings() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    defaults = {name.upper(): _plain(field.default) for name, field in Settings.model_fields.items()}

    assert written == defaults


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
