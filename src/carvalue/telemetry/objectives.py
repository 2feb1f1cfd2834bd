"""Service level objectives, and alerts on the rate at which their error budgets are used up.

Method: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carvalue.telemetry import metrics
from carvalue.telemetry.rule import AlertRule

PERIOD = "30d"
SLOW_S = 0.25  # a quote takes a millisecond: slower means that requests wait for something
LATE_S = 300  # quotes reach the watcher within seconds
MIN_BAD = 10  # with little traffic, one failure is a large share and no reason to wake anybody
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", PERIOD)
TOTAL, BAD = "carvalue:objective_total:rate5m", "carvalue:objective_bad:rate5m"
OBJECTIVE, ERRORS = "carvalue:objective:ratio", "carvalue:objective_errors:ratio"
BUDGET = "carvalue:objective_budget_left:ratio"


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One service level objective over 30 days.

    Attributes:
        name: The value of the label `objective`.
        target: The share of events that must be good, such as 0.999.
        total: PromQL: events a second, without labels.
        bad: PromQL: bad events a second, without labels; empty where there was none.
        meaning: What a good event is.
    """

    name: str
    target: float
    total: str
    bad: str
    meaning: str


_REQUESTS = f'{metrics.REQUESTS.name}{{route!~"/healthz|/readyz|/metrics|other"'
_TIMED = f'{metrics.REQUEST_SECONDS.name}_bucket{{route="/predict"'

OBJECTIVES = (
    Objective(
        name="availability",
        target=0.999,
        total=f"sum(rate({_REQUESTS}}}[5m]))",
        bad=f'sum(rate({_REQUESTS},status=~"5.."}}[5m]))',
        meaning="a request to the price service that does not end in an error of the service (5xx)",
    ),
    Objective(
        name="latency",
        target=0.99,
        total=f'sum(rate({_TIMED},le="+Inf"}}[5m]))',
        bad=f'sum(rate({_TIMED},le="+Inf"}}[5m])) - sum(rate({_TIMED},le="{SLOW_S}"}}[5m]))',
        meaning=f"a request to `/predict` that is answered within {SLOW_S} s",
    ),
    Objective(
        name="freshness",
        target=0.99,
        total=f"1 + 0 * max({metrics.JOURNAL_LAG.name})",
        bad=(
            f"clamp_max(max({metrics.JOURNAL_LAG.name} > bool {LATE_S})"
            f" + (max({metrics.WATCHER_LAG.name} > bool {LATE_S}) or vector(0)), 1)"
        ),
        meaning=f"a second in which no quote has waited longer than {LATE_S // 60} minutes for the journal "
        "of a replica or for the watcher",
    ),
    Objective(
        name="coverage",
        target=0.9999,
        total=f"sum(rate({metrics.QUOTES.name}[5m]))",
        bad=f"sum(rate({metrics.JOURNAL_DROPPED.name}[5m]))",
        meaning="a quote that is stored in the journal",
    ),
)


def recording_rules() -> Iterator[Mapping[str, Any]]:
    """List the rules that record events, error ratios and the rest of the budgets.

    Yields:
        Recording rules in the format of Prometheus' rule files, in the order of evaluation.
    """
    for item in OBJECTIVES:
        bad = f"{item.bad} or 0 * ({item.total})"
        for record, query in ((OBJECTIVE, f"vector({item.target})"), (TOTAL, item.total), (BAD, bad)):
            yield {"record": record, "expr": query, "labels": {"objective": item.name}}
    for window in WINDOWS:
        # sums of rates: each minute counts by its traffic, and a month is a sum over few series
        ratio = f"{_sum(BAD, window)} / ({_sum(TOTAL, window)} > 0)"
        yield {"record": ERRORS, "expr": ratio, "labels": {"window": window}}
    spent = f'{ERRORS}{{window="{PERIOD}"}} / on (objective) (1 - {OBJECTIVE})'
    yield {"record": BUDGET, "expr": f"1 - {spent}"}


def _sum(series: str, window: str) -> str:
    return f"sum by (objective) (sum_over_time({series}[{window}]))"


def _either(first: str, second: str) -> str:
    return f"max by (objective) ({first} or on (objective) {second})"


def _burns(rate: float, long: str, short: str) -> str:
    """Return a query for a budget that is used up at `rate` times the sustainable speed."""
    limit = f"on (objective) group_left () ({rate:g} * (1 - {OBJECTIVE}))"
    exceeded = " and on (objective) ".join(
        f'{ERRORS}{{window="{window}"}} > {limit}' for window in (long, short)
    )
    counted = f"60 * {_sum(BAD, long)} >= {MIN_BAD}"
    return f"({exceeded} and on (objective) {counted})"


BURN_RULES = (
    AlertRule(
        name="CarvalueErrorBudgetBurningFast",
        query=_either(_burns(14.4, "1h", "5m"), _burns(6, "6h", "30m")),
        after="2m",
        severity="critical",
        summary="The error budget of {{ $labels.objective }} for 30 days will last less than five days.",
    ),
    AlertRule(
        name="CarvalueErrorBudgetBurningSlowly",
        query=_either(_burns(3, "1d", "2h"), _burns(1, "3d", "6h")),
        after="1h",
        severity="warning",
        summary="The error budget of {{ $labels.objective }} will not last for 30 days.",
    ),
)
