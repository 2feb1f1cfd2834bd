"""When an alarm starts a retraining, and what people must know of how the last one ended.

An alarm starts one if none is under way, if the cooldown is over, and if no retraining was tried for it yet.
It has been cured when the stream is clean again by enough quotes or sales; only then may it start another.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from carvalue.files import atomic_write
from carvalue.monitoring.alerting import Alert
from carvalue.monitoring.watcher.airflow_runs import RETRAINING, PipelineRun
from carvalue.monitoring.watcher.alert_conditions import AlarmChanges
from carvalue.monitoring.watcher.retraining_outcome import RetrainingOutcome, outcome_alert, read_outcome
from carvalue.registry import AuditEntry

logger = logging.getLogger(__name__)

BY_ALARM = "by-alarm-"


class RetrainingRuns(Protocol):
    """What is asked of Airflow here."""

    def newest(self, dag: str) -> PipelineRun | None:
        """Find the run that was asked for last."""

    def start(self, dag: str, *, run: str, note: str) -> None:
        """Ask for a run; asked again, it is the same run."""


@dataclass(frozen=True, kw_only=True)
class RetrainingRequest:
    """What was asked for by alarms; kept in a file, over restarts.

    Attributes:
        at: when the last retraining was asked for; None: never.
        run: its name.
        waits: whether Airflow has yet to take it.
        uncured: the kinds of alarm that a retraining was tried for and that have not ended well since.
    """

    at: datetime | None = None
    run: str = ""
    waits: bool = False
    uncured: frozenset[str] = frozenset()


class RetrainingTrigger:
    """Asks Airflow for a retraining where an alarm wants one, and guards against a storm of them."""

    def __init__(
        self,
        *,
        runs: RetrainingRuns,
        decisions: Callable[[], Iterable[AuditEntry]],
        state: Path,
        on_alarm: bool,
        cooldown: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._runs, self._decisions, self._state = runs, decisions, state
        self._on_alarm, self._cooldown, self._clock = on_alarm, cooldown, clock
        self._asked = _load(state)
        self.alerts: tuple[Alert, ...] = ()
        self.outcome: RetrainingOutcome | None = None
        """Of the newest run; None before there was one."""
        self.next = ""
        """What keeps an alarm from starting one now, or that one would."""

    def look(self, alarms: AlarmChanges | None) -> None:
        """Look at the newest run and at the alarms; start a retraining where it is due.

        Raises:
            AirflowAway: there is nobody to ask.
        """
        now, newest = self._clock(), self._runs.newest(RETRAINING)
        self.outcome = read_outcome(newest, self._decisions()) if newest else None
        firing = alarms.firing if alarms else frozenset()
        self.alerts = self._alerts(alarmed=bool(firing), now=now)
        if alarms:
            self._forget_cured(alarms)
        if self._asked.waits:
            self._start()
            return
        self.next = self._reason_to_wait(newest, firing=firing, now=now)
        if firing and not self.next:
            self._ask(firing, now)

    def _alerts(self, *, alarmed: bool, now: datetime) -> tuple[Alert, ...]:
        if self.outcome is None:
            return ()
        alert = outcome_alert(self.outcome, by_alarm=BY_ALARM, alarmed=alarmed, now=now)
        return (alert,) if alert else ()

    def _forget_cured(self, alarms: AlarmChanges) -> None:
        if cured := self._asked.uncured & alarms.well:
            self._keep(replace(self._asked, uncured=self._asked.uncured - cured))

    def _reason_to_wait(self, newest: PipelineRun | None, *, firing: frozenset[str], now: datetime) -> str:
        if not self._on_alarm:
            return "alarms start none (RETRAIN_ON_ALARM)"
        if newest and not newest.is_over:
            return "one is under way"
        until = self._cools_until(newest, now)
        if until > now:
            return f"no alarm starts another before {until:%Y-%m-%d %H:%M} UTC (RETRAIN_COOLDOWN_H)"
        if firing and firing <= self._asked.uncured:
            return "the alarm outlasted a retraining: it starts no other, people must look"
        return ""

    def _cools_until(self, newest: PipelineRun | None, now: datetime) -> datetime:
        """Count from the newest run, whoever started it; a moment to come is a clock that was set back."""
        if self._asked.at and self._asked.at > now:
            self._keep(replace(self._asked, at=now))
        moments = (self._asked.at, newest and newest.ended_at)
        return max((moment + self._cooldown for moment in moments if moment and moment <= now), default=now)

    def _ask(self, firing: frozenset[str], now: datetime) -> None:
        # noted before it is asked for: a watcher that is killed in between asks for the same run again
        run = f"{BY_ALARM}{now:%Y%m%dT%H%M%S}"
        self._keep(RetrainingRequest(at=now, run=run, waits=True, uncured=self._asked.uncured | firing))
        self._start()

    def _start(self) -> None:
        because = ", ".join(sorted(self._asked.uncured))
        self._runs.start(RETRAINING, run=self._asked.run, note=f"Started by the watcher: {because}.")
        self._keep(replace(self._asked, waits=False))
        self.next = "one is under way"
        logger.warning("retraining started", extra={"run": self._asked.run, "because": because})

    def _keep(self, asked: RetrainingRequest) -> None:
        with atomic_write(self._state) as aside:
            aside.write_bytes(ASKED.dump_json(asked))
        self._asked = asked


ASKED = TypeAdapter(RetrainingRequest)


def _load(path: Path) -> RetrainingRequest:
    try:
        return ASKED.validate_json(path.read_bytes())
    except FileNotFoundError:
        return RetrainingRequest()
    except ValidationError:
        logger.exception("what was asked of Airflow cannot be read: the newest run's time still guards")
        return RetrainingRequest()
