"""Which market the program works for."""

from typing import Annotated

from pydantic import AfterValidator

from carvalue.settings.base import SettingsGroup
from carvalue.settings.paths import absolute


def _market(value: str) -> str:
    return str(absolute(value)) if value.endswith(".toml") else value


class MarketSettings(SettingsGroup):
    """Read once, when the schema of a listing is imported."""

    market: Annotated[str, AfterValidator(_market)] = "us-cars"
    """The market whose vehicles are priced: the name of a description that comes with the program (`us-cars`,
    `eu-motorcycles`), or the path of a .toml file (docs/how-to/describe-a-market.md). A model belongs to its
    market: use another STATE_DIR for another market."""
