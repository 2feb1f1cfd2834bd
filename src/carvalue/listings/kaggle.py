"""Raw listings from Kaggle."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes there will be, where Kaggle says so."""


@dataclass(frozen=True, kw_only=True)
class KaggleRequest:
    """Which data set to ask for (owner/name, or owner/name/versions/N), and how patiently."""

    dataset: str
    timeout_s: float = 30.0
