"""The conditions of the watcher's alerts, and the texts for people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from carvalue.monitoring.alerting import Alert
from carvalue.monitoring.channels import Cause, DriftCause
from carvalue.monitoring.drift import DriftReport
from carvalue.monitoring.incidents import drift_evidence, production_evidence
from carvalue.monitoring.watcher.accuracy_tests import AccuracyTests
from carvalue.monitoring.watcher.live_accuracy import BoundedShare, LiveAccuracy
from carvalue.pricing.intervals import NO_CORRECTION, RangeCorrection

MAX_NAMED_FEATURES = 6  # in an alert; the page shows all
MAX_KEY = 64  # characters
FIXED_BY_RETRAINING = frozenset({"drift", "live_accuracy", "coverage"})
CHANNELS = {
    "page": "Visitors of the page",
    "upload": "Uploaded files",
    "api": "Programs without a key",
}


@dataclass(frozen=True, kw_only=True)
class WatcherSnapshot:
    """The result of one round of the watcher.

    Attributes:
        model_version: The version whose quotes were checked.
        reference: The fingerprint of the dataset that they were compared with.
        drift: The drift of the quotes of all channels.
        tests: The sequential tests of the accuracy.
        channels: The drift of the quotes of each channel.
        diagnoses: The cause of the drift of each channel that has confirmed drift.
        live: The accuracy against reported sales.
        estimated_error: The median error estimated from the width of recent ranges; None with too few quotes.
        report: The file name of the report that shows the drift; empty if there is none.
        correction: How the sales correct the price ranges.
        recent: The newest quotes: `channel`, `quoted_at`, `trace_id` and more.
    """

    model_version: str
    reference: str
    drift: DriftReport
    live: LiveAccuracy
    estimated_error: float | None
    report: str
    channels: Mapping[str, DriftReport] = field(default_factory=dict)
    diagnoses: tuple[DriftCause, ...] = ()
    recent: pl.DataFrame = field(default_factory=pl.DataFrame)
    correction: RangeCorrection = NO_CORRECTION
    tests: AccuracyTests = field(default_factory=lambda: AccuracyTests(metrics={}))


@dataclass(frozen=True, kw_only=True)
class AlarmChanges:
    """The alarms that can start a retraining, by the kind of alert.

    Attributes:
        firing: The kinds that are firing.
        well: The kinds that are known to be fine, by enough quotes or sales.
    """

    firing: frozenset[str]
    well: frozenset[str]


def alarm_changes(snapshot: WatcherSnapshot, alerts: Iterable[Alert]) -> AlarmChanges:
    """Determine which alarms that a retraining can fix are firing, and which are known to be fine.

    Args:
        snapshot: The result of a round.
        alerts: The alerts of the same round.

    Returns:
        Kinds of alarms. A kind is in neither set while there are too few quotes or sales to decide.

    >>> from carvalue.monitoring.watcher.live_accuracy import measure_live_accuracy
    >>> drift = DriftReport(
    ...     state="clean", since=None, provisional=False, rows=500, window=500, features=()
    ... )
    >>> snapshot = WatcherSnapshot(
    ...     model_version="3", reference="f00d", drift=drift, live=measure_live_accuracy([]),
    ...     estimated_error=None, report="",
    ... )
    >>> alarm_changes(snapshot, [])
    AlarmChanges(firing=frozenset(), well=frozenset({'drift'}))
    """
    firing = frozenset(alert.kind for alert in alerts) & FIXED_BY_RETRAINING
    is_known = {
        "drift": snapshot.drift.state == "clean",
        "live_accuracy": snapshot.live.error is not None,
        "coverage": snapshot.live.coverage is not None,
    }
    known = frozenset(kind for kind, known in is_known.items() if known)
    return AlarmChanges(firing=firing, well=known - firing)


def current_alerts(
    snapshot: WatcherSnapshot, *, metrics: Mapping[str, float], now: datetime
) -> Iterator[Alert]:
    """Determine the alerts of a round.

    Args:
        snapshot: The result of the round.
        metrics: The metrics of the model card on the test rows.
        now: The current time.

    Yields:
        The alerts that are firing.

    >>> from carvalue.journal import Sale
    >>> from carvalue.monitoring.watcher.live_accuracy import measure_live_accuracy
    >>> sales = [
    ...     Sale(price=24_000, low=19_000, high=30_000, sale_price=18_000 + 10 * n, client="shop")
    ...     for n in range(60)
    ... ]
    >>> drift = DriftReport(
    ...     state="clean", since=None, provisional=False, rows=500, window=500, features=()
    ... )
    >>> metrics = {"mdape": 0.12, "within_20": 0.7, "coverage": 0.9}
    >>> tests = AccuracyTests(metrics=metrics)
    >>> tests.add(sales, verified={"shop"})
    >>> snapshot = WatcherSnapshot(
    ...     model_version="3", reference="f00d", drift=drift, tests=tests,
    ...     live=measure_live_accuracy(sales, verified={"shop"}), estimated_error=None, report="",
    ... )
    >>> alerts = current_alerts(snapshot, metrics=metrics, now=datetime(2026, 1, 1))
    >>> [(alert.key, alert.severity) for alert in alerts]
    [('live_accuracy', 'critical'), ('live_bias', 'warning'), ('coverage', 'warning')]
    """
    version = snapshot.model_version
    for diagnosis in snapshot.diagnoses:
        evidence = drift_evidence(diagnosis, model_version=version, recent=snapshot.recent)
        yield replace(_changed(diagnosis, report=snapshot.report), evidence=evidence)
    for alert in _accuracy_alerts(snapshot, metrics=metrics, now=now):
        yield replace(alert, evidence=production_evidence(version))


def _accuracy_alerts(
    snapshot: WatcherSnapshot, *, metrics: Mapping[str, float], now: datetime
) -> Iterator[Alert]:
    live, tests = snapshot.live, snapshot.tests
    if live.error and tests.is_inaccurate:
        yield _inaccurate(live.error, live.sales, expected=metrics["mdape"], now=now)
    if live.bias and tests.bias:
        yield _biased(live.bias, live.sales, now=now)
    if live.coverage and tests.is_uncovered:
        yield _uncovered(live.coverage, live.sales, now=now)


def _changed(diagnosis: DriftCause, *, report: str) -> Alert:
    features = diagnosis.report.drifted
    lines = [
        f"{item.title}: {item.description} (score {item.score:.1f} times its threshold)" for item in features
    ]
    more = [f"and {len(lines) - MAX_NAMED_FEATURES} more"] if len(lines) > MAX_NAMED_FEATURES else []
    names = "; ".join(item.title for item in features[:MAX_NAMED_FEATURES])
    affected = "Prices are affected" if diagnosis.affects_prices else "Prices are not affected"
    return Alert(
        key=f"drift:{diagnosis.channel}"[:MAX_KEY],
        kind=_kind(diagnosis),
        severity="warning",
        title=f"{CHANNELS.get(diagnosis.channel, diagnosis.channel)}: {diagnosis.cause} ({names})",
        text="\n".join([f"{affected}.", *lines[:MAX_NAMED_FEATURES], *more, _advice(diagnosis)]),
        since=min(item.since for item in features if item.since),
        report=report,
    )


def _kind(diagnosis: DriftCause) -> str:
    if not diagnosis.affects_prices:
        return "input_change"
    if diagnosis.cause is Cause.OTHER_CARS:
        return "drift"
    return "broken_client" if diagnosis.cause is Cause.PROGRAM_BROKE else "broken_input"


def _advice(diagnosis: DriftCause) -> str:
    if diagnosis.cause is Cause.PROGRAM_BROKE:
        return "What to do: ask the client what has changed in the program; a retraining does not help."
    if diagnosis.cause is Cause.FIELD_BROKE:
        return "What to do: check how the field is entered and sent; a retraining does not help."
    if diagnosis.affects_prices:
        return "What to do: retrain on newer listings that include such cars (`carvalue retrain`)."
    return (
        "What to do: nothing. The alert ends when the channel's history, some thousand quotes, has such cars."
    )


def _inaccurate(error: BoundedShare, sales: int, *, expected: float, now: datetime) -> Alert:
    return Alert(
        key="live_accuracy",
        kind="live_accuracy",
        severity="critical",
        title=f"The median error of quotes is {error.value:.1%} of the sale price",
        text=(
            f"{sales} sales, median error {error.low:.1%} to {error.high:.1%} (95 %); "
            f"{expected:.1%} was measured before production.\n"
            "What to do: retrain on newer listings and sales (`carvalue retrain`), or roll back to the "
            "previous version."
        ),
        since=now,
    )


def _biased(bias: BoundedShare, sales: int, *, now: datetime) -> Alert:
    side = "above" if bias.value > 0 else "below"
    return Alert(
        key="live_bias",
        kind="live_accuracy",
        severity="warning",
        title=f"Quotes are {abs(bias.value):.1%} {side} the sale prices at the median",
        text=(
            f"{sales} sales, {bias.low:+.1%} to {bias.high:+.1%} (95 %).\n"
            "What to do: the market has moved, or buyers pay less than the asking price. Retrain on newer "
            "listings and sales (`carvalue retrain`)."
        ),
        since=now,
    )


def _uncovered(coverage: BoundedShare, sales: int, *, now: datetime) -> Alert:
    return Alert(
        key="coverage",
        kind="coverage",
        severity="warning",
        title=f"Price ranges contain {coverage.value:.0%} of the sale prices; they should contain 90 %",
        text=(
            f"{sales} sales, coverage {coverage.low:.0%} to {coverage.high:.0%} (95 %).\n"
            "What to do: retrain, which recalibrates the ranges."
        ),
        since=now,
    )
