"""What the journal keeps of a quote, and its form as one line of the spool."""

import json
from dataclasses import dataclass
from datetime import datetime

from carvalue.listings import Listing

_COMPACT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """A quote that was answered: when, by which version, for which listing. Prices are in whole dollars."""

    quote_id: str
    quoted_at: datetime
    model_version: str
    price: int
    low: int
    high: int
    warnings: tuple[str, ...]
    listing: Listing

    def as_line(self) -> bytes:
        """Give one line of JSON, its end included."""
        values = self.as_row()
        values["quoted_at"] = self.quoted_at.isoformat()
        return _COMPACT.encode(values).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "JournalEntry":
        """Read a line back.

        Raises:
            ValueError: it is no whole entry.
        """
        values = json.loads(line)
        try:
            values |= {
                "quoted_at": datetime.fromisoformat(values["quoted_at"]),
                "warnings": tuple(values["warnings"]),
            }
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise ValueError(f"no journal entry: {error}") from None

    def as_row(self) -> dict[str, object]:
        """Give the values by column."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Sale:
    """A car that was quoted and then sold. All in whole dollars."""

    price: int
    low: int
    high: int
    sale_price: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SoldCar:
    """A quoted car with what it was sold for, to be learned from. Prices are in whole dollars."""

    told_at: datetime
    quoted: int
    sale_price: int
    listing: Listing

    def as_row(self) -> dict[str, object]:
        """Give the listing's fields and the rest side by side."""
        told = {"told_at": self.told_at, "quoted": self.quoted, "sale_price": self.sale_price}
        return {**self.listing, **told}


def first_id_at(moment: datetime) -> str:
    """Give what the ids of a moment begin with; all earlier ones sort before it."""
    return f"{int(moment.timestamp() * 1000):012x}"
