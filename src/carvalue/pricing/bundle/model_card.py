"""The model card: what a bundle was made of, when, how good it is, and what it must not be used for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

LIMITS = (
    "Quotes are asking prices, not sale prices.",
    "Learned from listings in the United States up to the card's date; a later market is not in it.",
    "Cars older than 1985 and prices outside 1,000-100,000 $ were not learned.",
)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the training data came from; `train` writes it into the card."""

    data_source: str
    """kaggle, file or sample."""
    source_description: str
    dataset_fingerprint: str
    git_commit: str


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a person must know before trusting a version. `metrics` are of the validation rows."""

    data_source: str
    source_description: str
    dataset_fingerprint: str
    git_commit: str
    data_as_of: date
    """The day of the newest listing that the model learned from."""
    trained_at: datetime
    newest_year: int
    rows: Mapping[str, int]
    metrics: Mapping[str, float]
    params: Mapping[str, float]
    versions: Mapping[str, str]
    limits: tuple[str, ...] = LIMITS

    def as_json(self) -> dict[str, Any]:
        """Give the card as JSON's own types."""
        plain = asdict(self)
        return plain | {
            "data_as_of": self.data_as_of.isoformat(),
            "trained_at": self.trained_at.isoformat(),
            "limits": list(self.limits),
        }

    @classmethod
    def from_json(cls, card: Mapping[str, Any]) -> "ModelCard":
        """Read a card; unknown fields of a newer writer are left out.

        Raises:
            KeyError, TypeError, ValueError: the card lacks a field or holds another type.
        """
        known = {name: card[name] for name in cls.__dataclass_fields__ if name in card}
        return cls(
            **known
            | {
                "data_as_of": date.fromisoformat(card["data_as_of"]),
                "trained_at": datetime.fromisoformat(card["trained_at"]),
                "limits": tuple(card.get("limits", LIMITS)),
            }
        )
