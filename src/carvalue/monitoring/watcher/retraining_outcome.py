"""How a retraining ended, and what of it a person must know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from carvalue.monitoring.alerting import Alert
from carvalue.monitoring.watcher.airflow_runs import PipelineRun
from carvalue.registry import AuditEntry

TOLD_FOR = timedelta(days=1)  # a refusal that no alarm asked for is read by then

Word = Literal["under way", "failed", "promoted", "refused", "nothing new"]


@dataclass(frozen=True, kw_only=True)
class RetrainingOutcome:
    """What became of one run of `retrain_model_dag`.

    Attributes:
        run: which.
        word: in short.
        reasons: why, where a version was decided on.
        is_history: whether production has changed since.
    """

    run: PipelineRun
    word: Word
    reasons: tuple[str, ...] = ()
    is_history: bool = False


def read_outcome(run: PipelineRun, decisions: Iterable[AuditEntry]) -> RetrainingOutcome:
    """Read a run's outcome out of its state and of what was decided since it began."""
    if not run.is_over:
        return RetrainingOutcome(run=run, word="under way")
    ended = run.ended_at or run.began_at
    later = [entry for entry in decisions if run.began_at and entry.at >= run.began_at]
    during = [entry for entry in later if entry.by == "pipeline" and ended and entry.at <= ended]
    history = any(entry.act != "refused" for entry in later if entry not in during)
    if run.state == "failed":
        return RetrainingOutcome(run=run, word="failed", is_history=history)
    if not during:
        return RetrainingOutcome(run=run, word="nothing new", is_history=history)
    word: Word = "refused" if during[-1].act == "refused" else "promoted"
    return RetrainingOutcome(run=run, word=word, reasons=during[-1].reasons, is_history=history)


def outcome_alert(outcome: RetrainingOutcome, *, by_alarm: str, alarmed: bool, now: datetime) -> Alert | None:
    """Tell of a retraining that brought no new version; None where nobody must know.

    Args:
        outcome: of the newest run.
        by_alarm: how the names of runs begin that an alarm started.
        alarmed: whether an alarm lasts.
        now: this moment.
    """
    run, since = outcome.run, outcome.run.ended_at or now
    if outcome.is_history or outcome.word in {"under way", "promoted"}:
        return None
    if outcome.word == "failed":
        return _alert("Retraining failed; production is what it was", _failed(run), since)
    if not alarmed and (now - since > TOLD_FOR or outcome.word == "nothing new"):
        return None
    if outcome.word == "refused":
        return _alert("A retrained version was refused; production is what it was", _refused(outcome), since)
    if not run.name.startswith(by_alarm):
        return None
    return _alert("A retraining found nothing new to learn from", _nothing_new(run), since)


def _alert(title: str, text: str, since: datetime) -> Alert:
    return Alert(key="retraining", kind="retraining", severity="warning", title=title, text=text, since=since)


def _failed(run: PipelineRun) -> str:
    return (
        f"Run {run.name}.\nWhat to do: the red task's log in Airflow says why. Correct it and clear the "
        "task: the run goes on there."
    )


def _refused(outcome: RetrainingOutcome) -> str:
    return (
        f"Run {outcome.run.name}: {'; '.join(outcome.reasons)}.\nWhat to do: if quotes are wrong, look at "
        "the listings and sales that it learned from; `carvalue models` lists what there is."
    )


def _nothing_new(run: PipelineRun) -> str:
    return (
        f"Run {run.name}, which an alarm had started.\nWhat to do: bring newer listings to DATA_SOURCE, or "
        "report sales, then `carvalue retrain`; if a program sends wrong listings, correct the program."
    )
