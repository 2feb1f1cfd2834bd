"""The model card (Mitchell et al. 2019): training data, accuracy and limits of a model version."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from carvalue.listings import CURRENCY, DISTANCE, EARLIEST_YEAR, MARKET, PRICE
from carvalue.pricing.bundle.accuracy import Accuracy

FIRST_MARKET = "us-cars"
"""Market of the cards that name none, which releases before 0.2 wrote."""
LIMITS = (
    "Quotes are asking prices, not sale prices.",
    f"Learned from listings in {MARKET.place} up to the card's date; a later market is not in it.",
    f"{MARKET.vehicles.capitalize()} older than {EARLIEST_YEAR} and prices outside "
    f"{CURRENCY.format(PRICE.minimum)} to {CURRENCY.format(PRICE.maximum)} were not learned.",
)
"""Limits of every model, as the card lists them."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Origin of the training data and of the program; the `train` step writes it into the card."""

    data_source: str
    """Kind of the source: kaggle, file or sample."""
    source_description: str
    """Description of the source for people."""
    dataset_fingerprint: str
    """Hash of the datasets that the model was trained on."""
    git_commit: str
    """Commit of the program, `unknown` outside a repository."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Facts that a user of a model version needs."""

    data_source: str
    """Kind of the source: kaggle, file or sample."""
    source_description: str
    """Description of the source for people."""
    dataset_fingerprint: str
    """Hash of the datasets that the model was trained on."""
    git_commit: str
    """Commit of the program, `unknown` outside a repository."""
    data_as_of: date
    """Posting date of the newest listing that the model was fitted on."""
    trained_at: datetime
    """Time of the training, with time zone."""
    newest_year: int
    """Newest model year of the training rows."""
    rows: Mapping[str, int]
    """Name of a split that the model was fitted on (train, validation, test, reposts) -> number of rows."""
    metrics: Mapping[str, float]
    """Name of a metric -> its value on held-out rows, before the last fit on all rows: on the test rows for a
    version in the registry."""
    params: Mapping[str, float]
    """Parameters of the boosting, and the number of rounds."""
    versions: Mapping[str, str]
    """Name of a library, or python -> its version."""
    limits: tuple[str, ...] = LIMITS
    """Limits of the model, one sentence each."""
    market: str = MARKET.name
    """Name of the market description."""
    currency: str = CURRENCY.code
    """Currency of all prices, ISO 4217."""
    distance_unit: str = DISTANCE.unit
    """Unit of the odometer."""
    search: Mapping[str, int] = field(default_factory=dict)
    """Number of `trials` that the hyperparameter search ran, and of `planned` ones; empty if not known."""
    accuracy: Accuracy | None = None
    """Accuracy of the evaluated model by group, for the public page; None where it was not evaluated."""

    def as_json(self) -> dict[str, Any]:
        """Serialize the card to JSON types.

        Returns:
            Content of `card.json`; dates are ISO 8601.
        """
        plain = asdict(self)
        del plain["accuracy"]
        if self.accuracy is not None:
            plain["accuracy"] = self.accuracy.as_json()
        return plain | {
            "data_as_of": self.data_as_of.isoformat(),
            "trained_at": self.trained_at.isoformat(),
            "limits": list(self.limits),
        }

    @classmethod
    def from_json(cls, card: Mapping[str, Any]) -> "ModelCard":
        """Read a card; fields that this program does not know are ignored.

        Args:
            card: Content of `card.json`.

        Returns:
            The card.

        Raises:
            KeyError: A date is missing.
            TypeError: Another field is missing, or a date is not a string.
            ValueError: A date is not in ISO 8601 format.
        """
        known = {name: card[name] for name in cls.__dataclass_fields__ if name in card}
        return cls(
            **known
            | {
                "data_as_of": date.fromisoformat(card["data_as_of"]),
                "trained_at": datetime.fromisoformat(card["trained_at"]),
                "limits": tuple(card.get("limits", LIMITS)),
                "market": card.get("market", FIRST_MARKET),
                "accuracy": Accuracy.from_json(card["accuracy"]) if "accuracy" in card else None,
            }
        )
