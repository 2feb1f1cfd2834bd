"""What the watcher's findings are to people: alerts, with how far, since when, and what to do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from carvalue.monitoring.alerting import Alert
from carvalue.monitoring.drift import DriftReport
from carvalue.monitoring.watcher.live_accuracy import BoundedShare, LiveAccuracy

WORSE = 1.25  # times the error on the validation rows; by the lower bound, so that chance does not alarm
LEAST_COVERAGE = 0.85  # of a range that should hold nine prices in ten; by the upper bound
BIASED = 0.05  # of the price, to one side at the median; by the nearer bound
NAMED = 6  # features in an alert; the page shows all


@dataclass(frozen=True, kw_only=True)
class WatcherSnapshot:
    """What the watcher knows at one moment.

    Attributes:
        model_version: whose quotes were judged.
        reference: the fingerprint of the dataset that they were compared with.
        drift: of the stream of quotes.
        live: of the sales that were told.
        estimated_error: the median error that recent ranges promise; None before there are enough of them.
        report: the name of the report that shows the drift; empty while there is none.
    """

    model_version: str
    reference: str
    drift: DriftReport
    live: LiveAccuracy
    estimated_error: float | None
    report: str


@dataclass(frozen=True, kw_only=True)
class AlarmChanges:
    """What may ask for a retraining, by the alerts' kinds.

    Attributes:
        firing: lasts now.
        well: is fine now, by enough quotes or sales to say so.
    """

    firing: frozenset[str]
    well: frozenset[str]


def alarm_changes(findings: WatcherSnapshot, alerts: Iterable[Alert]) -> AlarmChanges:
    """Tell which alarms last and which are over; in between, too little is known."""
    firing = frozenset(alert.kind for alert in alerts)
    is_known = {
        "drift": findings.drift.state == "clean",
        "live_accuracy": findings.live.error is not None,
        "coverage": findings.live.coverage is not None,
    }
    known = frozenset(kind for kind, known in is_known.items() if known)
    return AlarmChanges(firing=firing, well=known - firing)


def current_alerts(
    findings: WatcherSnapshot, *, metrics: Mapping[str, float], now: datetime
) -> Iterator[Alert]:
    """List what a person must know now.

    Args:
        findings: of this moment.
        metrics: the model card's, on validation rows.
        now: this moment.
    """
    drift, live = findings.drift, findings.live
    if drift.drifted:
        yield _drift(drift, findings.report)
    if live.error and live.error.low > WORSE * metrics["mdape"]:
        yield _inaccurate(live.error, live.sales, expected=metrics["mdape"], now=now)
    if live.bias and max(live.bias.low, -live.bias.high) > BIASED:
        yield _biased(live.bias, live.sales, now=now)
    if live.coverage and live.coverage.high < LEAST_COVERAGE:
        yield _uncovered(live.coverage, live.sales, now=now)


def _drift(drift: DriftReport, report: str) -> Alert:
    features = drift.drifted
    lines = [f"{item.title}: {item.says} (score {item.score:.1f} times its threshold)" for item in features]
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    since = min(item.since for item in features if item.since)
    advice = (
        "What to do: see on the monitoring page whether the cars have changed or a program that sends them. "
        "If the cars have, retrain on newer listings (`carvalue retrain`); else correct the program."
    )
    if drift.provisional:
        advice += " The thresholds are provisional: they rest on the training data alone so far."
    names = "; ".join(item.title for item in features[:NAMED])
    return Alert(
        key="drift",
        kind="drift",
        severity="warning",
        title=f"Quotes have drifted from the training data: {names}",
        text="\n".join([*lines[:NAMED], *more, advice]),
        since=since,
        report=report,
    )


def _inaccurate(error: BoundedShare, sales: int, *, expected: float, now: datetime) -> Alert:
    return Alert(
        key="live_accuracy",
        kind="live_accuracy",
        severity="critical",
        title=f"Half of the quotes were off by {error.value:.1%} or more of the sale price",
        text=(
            f"{sales} sales, median error {error.low:.1%} to {error.high:.1%} (95 %); "
            f"{expected:.1%} was measured before production.\n"
            "What to do: retrain on newer listings and sales (`carvalue retrain`), or roll back to the "
            "version before."
        ),
        since=now,
    )


def _biased(bias: BoundedShare, sales: int, *, now: datetime) -> Alert:
    side = "above" if bias.value > 0 else "below"
    return Alert(
        key="live_bias",
        kind="live_accuracy",
        severity="warning",
        title=f"Quotes lie {abs(bias.value):.1%} {side} the sale prices at the median",
        text=(
            f"{sales} sales, {bias.low:+.1%} to {bias.high:+.1%} (95 %).\n"
            "What to do: the market has moved, or buyers pay less than sellers ask. Retrain on newer "
            "listings and sales (`carvalue retrain`)."
        ),
        since=now,
    )


def _uncovered(coverage: BoundedShare, sales: int, *, now: datetime) -> Alert:
    return Alert(
        key="coverage",
        kind="coverage",
        severity="warning",
        title=f"Ranges held {coverage.value:.0%} of the sale prices; they should hold 90 %",
        text=(
            f"{sales} sales, coverage {coverage.low:.0%} to {coverage.high:.0%} (95 %).\n"
            "What to do: retrain, which calibrates the ranges anew."
        ),
        since=now,
    )
