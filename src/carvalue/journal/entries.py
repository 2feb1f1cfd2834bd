"""Entries of the journal: a quote, a reported sale, and a sold car to train on."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, get_args

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder
from msgspec.structs import asdict

from carvalue.files import NotStrictJson, parse_json
from carvalue.journal.framing import RecordUnreadable, compact_json, frame, is_framed, unframe
from carvalue.journal.validation import (
    Bound,
    InvalidEntry,
    Price,
    StoredValues,
    validate_fields,
    validate_texts,
)
from carvalue.listings import Listing

Rating = Literal["useful", "too low", "too high"]
"""A visitor's opinion of a quote."""
RATING_CHOICES: tuple[Rating, ...] = get_args(Rating)

_ADDED = dict.fromkeys(  # fields that lines of earlier releases lack
    ("client", "route", "trace_id", "calibrated_low", "calibrated_high")
)


class JournalEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
        client: Who asked: the name of an API client, `local` for this machine, or a pseudonym of a network
            address. None for quotes of release 0.1.
        route: How the quote was asked for: on the `page`, in an `upload`, or by a program through the `api`.
            None for quotes of releases 0.1 and 0.2.
        trace_id: The trace of the request, 32 hexadecimal digits. None for quotes of releases 0.1 and 0.2.
        calibrated_low: The lower end of the range before reported sales corrected it; None if they did not.
        calibrated_high: The upper end of that range.

    >>> from datetime import UTC
    >>> entry = JournalEntry(
    ...     quote_id="0" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )
    >>> entry.as_line()[:58]
    b'3 5aaa49a2 {"quote_id":"00000000000000000000000000000000",'
    >>> JournalEntry.from_line(entry.as_line()) == entry
    True
    """

    quote_id: str
    quoted_at: Annotated[datetime, Meta(tz=True)]
    model_version: str
    price: Price
    low: Bound
    high: Bound
    warnings: tuple[str, ...]
    listing: StoredValues
    client: str | None = None
    route: str | None = None
    trace_id: str | None = None
    calibrated_low: Bound | None = None
    calibrated_high: Bound | None = None

    @property
    def calibrated_range(self) -> tuple[int, int]:
        """The range as it was calibrated: before reported sales corrected it, if they did."""
        if self.calibrated_low is None or self.calibrated_high is None:
            return self.low, self.high
        return self.calibrated_low, self.calibrated_high

    def as_line(self) -> bytes:
        """Encode the entry for the outbox.

        Returns:
            One line: a format version, a checksum and compact JSON in UTF-8 (see `framing`).
        """
        values = {**asdict(self), "quoted_at": self.quoted_at.isoformat()}
        if self.calibrated_low is None:  # most quotes; a sixth less to write
            del values["calibrated_low"], values["calibrated_high"]
        return frame(compact_json(values))

    @classmethod
    def from_line(cls, line: bytes) -> "JournalEntry":
        """Decode a line of the outbox, also one of release 0.1.

        Args:
            line: What `as_line` returned.

        Returns:
            The entry, with valid fields.

        Raises:
            RecordUnreadable: The line is damaged, of a newer release, or not a valid entry.
        """
        payload = unframe(line)
        if is_framed(line):  # `as_line` wrote it, so that no name occurs twice
            # validated below, which names the cause
            with suppress(DecodeError, InvalidEntry, UnicodeDecodeError):
                entry = _DECODER.decode(payload)
                validate_texts(asdict(entry))
                return entry
        return cls._from_any(payload)

    @classmethod
    def _from_any(cls, payload: bytes) -> "JournalEntry":
        try:
            values = parse_json(payload)
            if not isinstance(values, dict):
                raise RecordUnreadable("the line does not hold a JSON object")
            decoded: dict[str, Any] = _ADDED | values | _decoded(values)
            validate_fields(decoded)
        except NotStrictJson as error:
            raise RecordUnreadable(f"the line {error}") from None
        except InvalidEntry as error:
            raise RecordUnreadable(str(error)) from None
        return cls(**decoded)

    def validate(self) -> None:
        """Check that the journal can store the entry.

        Raises:
            InvalidEntry: A field has a wrong type or is out of range.
        """
        validate_fields(self.as_row())

    def as_row(self) -> dict[str, object]:
        """Return the values by column of the table `quotes`.

        Returns:
            Value by field name.
        """
        return asdict(self)


_DECODER = Decoder(JournalEntry)


@dataclass(frozen=True, slots=True)
class Sale:
    """A quote and the price that the car was sold for. All prices are in whole dollars.

    Attributes:
        price: The quoted price.
        low: The lower end of the quoted range.
        high: The upper end of the quoted range.
        sale_price: The price that the car was sold for.
        client: Who reported the sale; None for sales of release 0.1.
        calibrated_low: The lower end of the range before reported sales corrected it; None if they did not.
        calibrated_high: The upper end of that range.
    """

    price: int
    low: int
    high: int
    sale_price: int
    client: str | None = None
    calibrated_low: int | None = None
    calibrated_high: int | None = None

    @property
    def calibrated_range(self) -> tuple[int, int]:
        """The range as it was calibrated: before reported sales corrected it, if they did."""
        if self.calibrated_low is None or self.calibrated_high is None:
            return self.low, self.high
        return self.calibrated_low, self.calibrated_high


@dataclass(frozen=True, kw_only=True, slots=True)
class SoldCar:
    """A quoted car with its sale price, to train on. All prices are in whole dollars.

    Attributes:
        reported_at: When the sale was reported, with a time zone.
        quoted_price: The quoted price.
        sale_price: The price that the car was sold for.
        listing: The fields of the car, as the client sent them.
        client: Who reported the sale; None for sales of release 0.1.
    """

    reported_at: datetime
    quoted_price: int
    sale_price: int
    listing: Listing
    client: str | None = None

    def as_row(self) -> dict[str, object]:
        """Return one flat row.

        Returns:
            The listing's fields, `told_at`, `client`, `quoted` and `sale_price`.
        """
        return {
            **self.listing,
            "told_at": self.reported_at,
            "client": self.client,
            "quoted": self.quoted_price,
            "sale_price": self.sale_price,
        }


class StoredCorrection(NamedTuple):
    """How reported sales correct the price ranges of a version.

    Attributes:
        level: Log dollars by which both ends are moved.
        log_scale: Logarithm of the factor of both distances from the quote.
        sales: The number of sales that it was computed from.
    """

    level: float
    log_scale: float
    sales: int


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


def _decoded(values: dict[str, object]) -> dict[str, object]:
    """Return the fields that JSON has no type for. What cannot be converted is left for validation."""
    decoded: dict[str, object] = {}
    if isinstance(warnings := values.get("warnings"), list):
        decoded["warnings"] = tuple(warnings)
    if isinstance(quoted_at := values.get("quoted_at"), str):
        with suppress(ValueError):
            decoded["quoted_at"] = datetime.fromisoformat(quoted_at)
    return decoded
