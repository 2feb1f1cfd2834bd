"""The outcome of a retraining, and the alert about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from carvalue.monitoring.alerting import Alert
from carvalue.monitoring.watcher.airflow_runs import PipelineRun
from carvalue.registry import DecisionRecord

REFUSAL_ALERT_FOR = timedelta(days=1)  # how long a refusal is an alert while no alarm is firing

Result = Literal["under way", "failed", "promoted", "refused", "nothing new"]


@dataclass(frozen=True, kw_only=True)
class RetrainingOutcome:
    """The outcome of one run of `retrain_model_dag`.

    Attributes:
        run: The run.
        result: The result in short.
        reasons: The reasons of the promotion decision; empty if there was none.
        is_superseded: Whether production has changed since the run.
        version: The version that it trained; None if there was no promotion decision.
    """

    run: PipelineRun
    result: Result
    reasons: tuple[str, ...] = ()
    is_superseded: bool = False
    version: int | None = None


def read_outcome(run: PipelineRun, decisions: Iterable[DecisionRecord]) -> RetrainingOutcome:
    """Derive the outcome of a run from its state and the promotion decisions since it began.

    Args:
        run: The newest run.
        decisions: All decisions on model versions, oldest first.

    Returns:
        The outcome.

    >>> start, end = datetime(2026, 1, 1), datetime(2026, 1, 2)
    >>> run = PipelineRun(name="manual-1", state="failed", began_at=start, ended_at=end)
    >>> read_outcome(run, []).result
    'failed'
    """
    if not run.is_over:
        return RetrainingOutcome(run=run, result="under way")
    ended = run.ended_at or run.began_at
    later = [entry for entry in decisions if run.began_at and entry.at >= run.began_at]
    during = [entry for entry in later if entry.by == "pipeline" and ended and entry.at <= ended]
    superseded = any(entry.is_switch for entry in later if entry not in during)
    if run.state == "failed":
        return RetrainingOutcome(run=run, result="failed", is_superseded=superseded)
    if not during:
        return RetrainingOutcome(run=run, result="nothing new", is_superseded=superseded)
    last = during[-1]
    return RetrainingOutcome(
        run=run,
        result="refused" if last.act == "refused" else "promoted",
        reasons=last.reasons,
        is_superseded=superseded,
        version=last.version,
    )


def outcome_alert(outcome: RetrainingOutcome, *, by_alarm: str, alarmed: bool, now: datetime) -> Alert | None:
    """Build the alert about a retraining that gave no new version.

    Args:
        outcome: The outcome of the newest run.
        by_alarm: The prefix of the ids of runs that an alarm started.
        alarmed: Whether an alarm is firing.
        now: The current time.

    Returns:
        The alert; None if people need not be notified.
    """
    run, since = outcome.run, outcome.run.ended_at or now
    if outcome.is_superseded or outcome.result in {"under way", "promoted"}:
        return None
    if outcome.result == "failed":
        return _alert("Retraining failed; production is unchanged", _failed(run), since)
    if not alarmed and (now - since > REFUSAL_ALERT_FOR or outcome.result == "nothing new"):
        return None
    if outcome.result == "refused":
        return _alert("A retrained version was refused; production is unchanged", _refused(outcome), since)
    if not run.name.startswith(by_alarm):
        return None
    return _alert("A retraining found nothing new to train on", _nothing_new(run), since)


def _alert(title: str, text: str, since: datetime) -> Alert:
    return Alert(key="retraining", kind="retraining", severity="warning", title=title, text=text, since=since)


def _failed(run: PipelineRun) -> str:
    return (
        f"Run {run.name}.\nWhat to do: see the log of the failed task in Airflow. Fix the cause and clear "
        "the task: the run continues there."
    )


def _refused(outcome: RetrainingOutcome) -> str:
    return (
        f"Run {outcome.run.name}: {'; '.join(outcome.reasons)}.\nWhat to do: if quotes are wrong, check "
        "the listings and sales that it was trained on; `carvalue models` lists the versions."
    )


def _nothing_new(run: PipelineRun) -> str:
    return (
        f"Run {run.name}, started by an alarm.\nWhat to do: add newer listings to DATA_SOURCE, or "
        "report sales, then `carvalue retrain`; if a program sends wrong listings, correct the program."
    )
