"""The accuracy of a version on listings that it had not seen, for the public page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec


@dataclass(frozen=True, kw_only=True)
class GroupAccuracy:
    """Accuracy of one group of test rows."""

    name: str
    """Lower edge of the price band in the market's currency, or grade of support."""
    rows: int
    """Number of test rows."""
    mdape: float
    """Median absolute percentage error, as a share."""
    within_20: float
    """Share of quotes within 20 % of the asking price."""
    coverage: float
    """Share of asking prices within their interval."""


@dataclass(frozen=True, kw_only=True)
class EarlierVersion:
    """A version that was in production before."""

    name: str
    """How tables name it, for example `version 7`."""
    data_as_of: date
    """Posting date of its newest listing."""
    mdape: float
    """Its median absolute percentage error on its own test rows, as a share."""
    coverage: float
    """Share of its test rows within their interval."""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy on the test rows: listings that are newer than those the evaluated model was fitted on."""

    tested_from: date
    """Posting date of the oldest test row."""
    tested_to: date
    """Posting date of the newest test row."""
    unseen: Mapping[str, float]
    """Metrics on cars that no earlier listing describes, and their number as `rows`."""
    new: Mapping[str, float]
    """The same on all new listings, later ones of known cars included; empty if those were not kept."""
    noise_floor: Mapping[str, float]
    """Attributes of `NoiseFloor`; empty if it is not known."""
    by_price: tuple[GroupAccuracy, ...]
    """Accuracy by band of the quoted price, ascending."""
    by_support: tuple[GroupAccuracy, ...]
    """Accuracy by grade of support, the best first."""
    earlier: tuple[EarlierVersion, ...] = ()
    """Versions that were in production before when the version was trained, the newest first."""

    def as_json(self) -> dict[str, Any]:
        """Serialize to JSON types.

        Returns:
            Content of `accuracy.json`.
        """
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Accuracy":
        """Read what `as_json` wrote; fields that this program does not know are ignored.

        Args:
            content: Content of `accuracy.json`.

        Returns:
            The accuracy.

        Raises:
            ValueError: A field is missing or has another type.
        """
        return msgspec.convert(content, cls)
