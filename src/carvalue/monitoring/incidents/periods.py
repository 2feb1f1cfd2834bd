"""Real quotes of the journal before, during and after an incident, and what they have in common."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from statistics import median

from carvalue.api import FieldSummaryView, PeriodName, PeriodView, SampleView
from carvalue.journal import Journal, JournalEntry
from carvalue.listings import FIELD_BY_NAME, NumberField
from carvalue.monitoring.channels import channel_of

PERIOD_QUOTES = 300  # enough for a median within about 3 % of the spread
MAX_READ = 3_000  # quotes of all channels, to find those of one
SAMPLES = 5


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
) -> PeriodView:
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
    return PeriodView(
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


def _summary(name: str, entries: Sequence[JournalEntry]) -> FieldSummaryView:
    field = FIELD_BY_NAME[name]
    values = [value for entry in entries if (value := entry.listing.get(name)) is not None]
    missing = 1 - len(values) / len(entries) if entries else 0.0
    if isinstance(field, NumberField):
        numbers = [value for value in values if isinstance(value, int | float)]
        middle = median(numbers) if numbers else None
        return FieldSummaryView(name=name, missing=missing, median=middle)
    top = Counter(str(value).strip().lower() for value in values).most_common(1)
    text, count = top[0] if top else ("", 0)
    share = count / max(len(values), 1)
    return FieldSummaryView(name=name, missing=missing, most_frequent=text, share=share)


def _sample(entry: JournalEntry) -> SampleView:
    return SampleView(
        quoted_at=entry.quoted_at,
        model_version=entry.model_version,
        price=entry.price,
        low=entry.low,
        high=entry.high,
        listing=entry.listing,
        trace_id=entry.trace_id,
    )
