"""Real quotes of the journal before, during and after an incident, and what they have in common."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Literal

from carvalue.journal import Journal, JournalEntry
from carvalue.listings import FIELD_BY_NAME, Listing, NumberField
from carvalue.monitoring.channels import channel_of

PERIOD_QUOTES = 300  # enough for a median within about 3 % of the spread
MAX_READ = 3_000  # quotes of all channels, to find those of one
SAMPLES = 5

PeriodName = Literal["before", "during", "afterwards"]


@dataclass(frozen=True, kw_only=True)
class FieldSummary:
    """The values of one field in a period.

    Attributes:
        name: The field.
        missing: The share of quotes without a value, from 0 to 1.
        median: The median of a number; None for a text, or without values.
        most_frequent: The most frequent text; empty for a number.
        share: The share of that text among the given values, from 0 to 1.
    """

    name: str
    missing: float
    median: float | None = None
    most_frequent: str = ""
    share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A quote of the journal, without its id and client: the id would let its reader delete the quote.

    Attributes:
        quoted_at: When it was quoted, with a time zone.
        model_version: The version that quoted.
        price: The quoted price, in whole dollars.
        low: The lower end of its range.
        high: The upper end of its range.
        listing: The fields of the car.
        trace_id: The trace of its request; None for quotes of earlier releases.
    """

    quoted_at: datetime
    model_version: str
    price: int
    low: int
    high: int
    listing: Listing
    trace_id: str | None


@dataclass(frozen=True, kw_only=True)
class Period:
    """Quotes of a channel within a period.

    Attributes:
        name: `before`, `during` or `afterwards`.
        quotes: How many quotes the figures rest on, at most 300.
        versions: The versions that quoted.
        median_price: In dollars; None without quotes.
        median_width: The median width of the ranges as a share of the price; None without quotes.
        sales: How many of the quotes have a reported sale.
        median_error: The median absolute error of those as a share of the sale price; None without sales.
        fields: The fields that had changed.
        samples: Some of the quotes, the newest last.
    """

    name: PeriodName
    quotes: int
    versions: tuple[str, ...]
    median_price: float | None
    median_width: float | None
    sales: int
    median_error: float | None
    fields: tuple[FieldSummary, ...]
    samples: tuple[Sample, ...]


def read_quotes(
    journal: Journal, *, channel: str, start: datetime, end: datetime, newest: bool
) -> list[JournalEntry]:
    """Read quotes of a channel.

    Args:
        journal: The journal.
        channel: The channel; empty for all.
        start: The beginning of the period, with a time zone.
        end: Its end.
        newest: Whether to read the newest quotes of the period, or the oldest.

    Returns:
        At most 300 quotes, oldest first.

    Raises:
        JournalUnavailable: The journal does not answer.
    """
    entries = journal.between(start, end, newest=newest, limit=MAX_READ)
    own = [entry for entry in entries if channel in ("", channel_of(entry.route, entry.client))]
    return own[-PERIOD_QUOTES:] if newest else own[:PERIOD_QUOTES]


def summarize(
    name: PeriodName,
    entries: Sequence[JournalEntry],
    *,
    sales: Mapping[str, int],
    changed: Collection[str],
) -> Period:
    """Summarize the quotes of a period.

    Args:
        name: The name of the period.
        entries: Its quotes, oldest first.
        sales: The sale price in dollars by quote id.
        changed: The names of the features that had changed.

    Returns:
        The period.

    >>> summarize("before", [], sales={}, changed=["odometer"]).quotes
    0
    """
    errors = [
        abs(entry.price - sales[entry.quote_id]) / sales[entry.quote_id]
        for entry in entries
        if sales.get(entry.quote_id)
    ]
    return Period(
        name=name,
        quotes=len(entries),
        versions=tuple(sorted({entry.model_version for entry in entries})),
        median_price=median(entry.price for entry in entries) if entries else None,
        median_width=median((entry.high - entry.low) / entry.price for entry in entries) if entries else None,
        sales=len(errors),
        median_error=median(errors) if errors else None,
        fields=tuple(_summary(field, entries) for field in changed if field in FIELD_BY_NAME),
        samples=tuple(_sample(entry) for entry in entries[-SAMPLES:]),
    )


def _summary(name: str, entries: Sequence[JournalEntry]) -> FieldSummary:
    field = FIELD_BY_NAME[name]
    values = [value for entry in entries if (value := entry.listing.get(name)) is not None]
    missing = 1 - len(values) / len(entries) if entries else 0.0
    if isinstance(field, NumberField):
        numbers = [value for value in values if isinstance(value, int | float)]
        middle = median(numbers) if numbers else None
        return FieldSummary(name=name, missing=missing, median=middle)
    top = Counter(str(value).strip().lower() for value in values).most_common(1)
    text, count = top[0] if top else ("", 0)
    share = count / max(len(values), 1)
    return FieldSummary(name=name, missing=missing, most_frequent=text, share=share)


def _sample(entry: JournalEntry) -> Sample:
    return Sample(
        quoted_at=entry.quoted_at,
        model_version=entry.model_version,
        price=entry.price,
        low=entry.low,
        high=entry.high,
        listing=entry.listing,
        trace_id=entry.trace_id,
    )
