"""Entries of the journal: a quote, a reported sale, and a sold car to train on."""

import json
from dataclasses import dataclass
from datetime import datetime

from carvalue.listings import Listing

_COMPACT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """An answered quote. All prices are in whole dollars.

    Attributes:
        quote_id: 32 hexadecimal characters. The first 12 are the time in milliseconds, so ids sort by time.
        quoted_at: When the quote was answered, with a time zone.
        model_version: The version in the model registry that quoted.
        price: The quoted price.
        low: The lower end of the price range.
        high: The upper end of the price range.
        warnings: The names of the warnings that the quote carried.
        listing: The fields of the car, as the client sent them.

    >>> from datetime import UTC
    >>> entry = JournalEntry(
    ...     quote_id="0" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )
    >>> entry.as_line()[:60]
    b'{"quote_id":"00000000000000000000000000000000","quoted_at":"'
    >>> JournalEntry.from_line(entry.as_line()) == entry
    True
    """

    quote_id: str
    quoted_at: datetime
    model_version: str
    price: int
    low: int
    high: int
    warnings: tuple[str, ...]
    listing: Listing

    def as_line(self) -> bytes:
        """Encode the entry for the outbox.

        Returns:
            One line of compact JSON in UTF-8, with its line feed.
        """
        values = self.as_row()
        values["quoted_at"] = self.quoted_at.isoformat()
        return _COMPACT.encode(values).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "JournalEntry":
        """Decode a line of the outbox.

        Args:
            line: What `as_line` returned.

        Returns:
            The entry.

        Raises:
            ValueError: The line is not a complete entry.
        """
        values = json.loads(line)
        try:
            values |= {
                "quoted_at": datetime.fromisoformat(values["quoted_at"]),
                "warnings": tuple(values["warnings"]),
            }
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a journal entry: {error}") from None

    def as_row(self) -> dict[str, object]:
        """Return the values by column of the table `quotes`.

        Returns:
            Value by field name.
        """
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Sale:
    """A quote and the price that the car was sold for. All prices are in whole dollars.

    Attributes:
        price: The quoted price.
        low: The lower end of the quoted range.
        high: The upper end of the quoted range.
        sale_price: The price that the car was sold for.
    """

    price: int
    low: int
    high: int
    sale_price: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SoldCar:
    """A quoted car with its sale price, to train on. All prices are in whole dollars.

    Attributes:
        reported_at: When the sale was reported, with a time zone.
        quoted_price: The quoted price.
        sale_price: The price that the car was sold for.
        listing: The fields of the car, as the client sent them.
    """

    reported_at: datetime
    quoted_price: int
    sale_price: int
    listing: Listing

    def as_row(self) -> dict[str, object]:
        """Return one flat row.

        Returns:
            The listing's fields, `told_at`, `quoted` and `sale_price`.
        """
        sale = {"told_at": self.reported_at, "quoted": self.quoted_price, "sale_price": self.sale_price}
        return {**self.listing, **sale}


def first_id_at(moment: datetime) -> str:
    """Return the smallest quote id of a moment. Ids of earlier quotes sort before it.

    Args:
        moment: A time with a time zone.

    Returns:
        12 hexadecimal characters: milliseconds since 1970.

    >>> from datetime import UTC
    >>> first_id_at(datetime(2026, 1, 1, tzinfo=UTC))
    '019b76daa800'
    """
    return f"{int(moment.timestamp() * 1000):012x}"
