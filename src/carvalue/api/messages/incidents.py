"""Answers of the watcher: alerts and incidents. All moments are UTC."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

PeriodName = Literal["before", "during", "afterwards"]
"""A period relative to an incident."""


class AlertView(Struct, frozen=True, kw_only=True):
    """An alert.

    Attributes:
        key: Identifies the condition: an alert that returns has the same key.
        number: Identifies the alert, and its incident.
        kind: What it is about, such as drift.
        severity: How urgent it is.
        title: What happened, in a line.
        text: Details and what to do, in several lines.
        since: When it started, UTC.
        resolved_at: When it ended, UTC; None while it is active.
        report: File name of its report; empty without one.
    """

    key: str
    number: int = 0
    kind: str
    severity: str
    title: str
    text: str
    since: datetime
    resolved_at: datetime | None
    report: str


class IncidentRecordView(Struct, frozen=True, kw_only=True):
    """An incident in the list.

    Attributes:
        alert: Its alert.
        run: The retraining that it started; empty if it started none.
        result: How the retraining ended; empty before that.
        version: The version that the retraining trained.
        ended_at: When the retraining ended, UTC.
    """

    alert: AlertView
    run: str
    result: str
    version: int | None
    ended_at: datetime | None


class ChangeView(Struct, frozen=True, kw_only=True):
    """A feature that had changed when the alert began.

    Attributes:
        name: The feature.
        title: Its display name.
        says: How it changed, in a line.
        score: Drift statistic as a multiple of its threshold.
        labels: Names of the bins, shape (bins,).
        before: Share of each bin before the change, shape (bins,).
        after: Share of each bin after the change, shape (bins,).
    """

    name: str
    title: str
    says: str
    score: float
    labels: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


class EvidenceView(Struct, frozen=True, kw_only=True):
    """What had changed when the alert began; empty for alerts of earlier releases.

    Attributes:
        model_version: The version in production.
        channel: The channel that changed; empty if the alert concerns all.
        cause: Why, in some words.
        affects_prices: Whether prices are wrong because of it.
        changes: The features.
        trace_ids: Traces of the newest quotes that were judged.
    """

    model_version: str = ""
    channel: str = ""
    cause: str = ""
    affects_prices: bool = True
    changes: tuple[ChangeView, ...] = ()
    trace_ids: tuple[str, ...] = ()


class RecordWithEvidenceView(IncidentRecordView, frozen=True, kw_only=True):
    """An incident with its evidence.

    Attributes:
        evidence: What had changed.
    """

    evidence: EvidenceView


class FieldSummaryView(Struct, frozen=True, kw_only=True):
    """The values of a field in a period.

    Attributes:
        name: The field.
        missing: Share of quotes without a value, from 0 to 1.
        median: Median of a number; None for a text, or without values.
        most_frequent: Most frequent text; empty for a number.
        share: Share of that text among the given values, from 0 to 1.
    """

    name: str
    missing: float
    median: float | None = None
    most_frequent: str = ""
    share: float = 0.0


class SampleView(Struct, frozen=True, kw_only=True):
    """A quote of the journal, without its id and client: the id would let its reader delete the quote.

    Attributes:
        quoted_at: When it was quoted, UTC.
        model_version: The version that quoted.
        price: The quoted price.
        low: Lower end of its range.
        high: Upper end of its range.
        listing: The fields of the car.
        trace_id: The trace of its request; None for quotes of earlier releases.
    """

    quoted_at: datetime
    model_version: str
    price: int
    low: int
    high: int
    listing: Mapping[str, str | int | float | None]
    trace_id: str | None


class PeriodView(Struct, frozen=True, kw_only=True):
    """Quotes before, during or after an incident.

    Attributes:
        name: `before`, `during` or `afterwards`.
        quotes: How many quotes the figures rest on, at most 300.
        versions: The versions that quoted.
        median_price: In the market's currency; None without quotes.
        median_width: Median width of the ranges, as a share of the price; None without quotes.
        sales: How many of the quotes have a reported sale.
        median_error: Median absolute error of those, as a share of the sale price; None without sales.
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
    fields: tuple[FieldSummaryView, ...]
    samples: tuple[SampleView, ...]


class IncidentView(Struct, frozen=True, kw_only=True):
    """An incident.

    Attributes:
        record: Its alert and what is known of it.
        changed_at: About when the change began, UTC.
        repaired_at: From when on the effect is measured, UTC; None before that.
        periods: The quotes before, during and after it.
    """

    record: RecordWithEvidenceView
    changed_at: datetime
    repaired_at: datetime | None
    periods: tuple[PeriodView, ...]
