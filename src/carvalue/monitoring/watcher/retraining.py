"""Start a retraining when an alarm fires.

An alarm starts a retraining if none is in progress, if the cooldown has passed, and if none was tried for
this alarm yet. An alarm is cured once it is known to be fine, by enough quotes or sales; only then can it
start another retraining. An alarm that outlasts a retraining needs a person.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from carvalue.files import FormatUnknown, StoredFormat
from carvalue.monitoring.alerting import Alert, IncidentRecords
from carvalue.monitoring.watcher.airflow_runs import RETRAINING, PipelineRun
from carvalue.monitoring.watcher.alert_conditions import AlarmChanges
from carvalue.monitoring.watcher.retraining_outcome import RetrainingOutcome, outcome_alert, read_outcome
from carvalue.registry import DecisionRecord

logger = logging.getLogger(__name__)

BY_ALARM = "by-alarm-"


class RetrainingRuns(Protocol):
    """The part of `AirflowRuns` that starts retrainings."""

    def newest(self, dag: str) -> PipelineRun | None:
        """Read the newest run of a DAG.

        Args:
            dag: The id of the DAG.

        Returns:
            The run; None if there is none.
        """

    def start(self, dag: str, *, run: str, note: str) -> None:
        """Start a run. If a run with the same id exists already, nothing happens.

        Args:
            dag: The id of the DAG.
            run: The id of the run.
            note: A note for the people who see the run.
        """


@dataclass(frozen=True, kw_only=True)
class RetrainingRequest:
    """The last retraining that alarms requested. The field names are the keys of the saved file.

    Attributes:
        at: When it was requested; None before the first.
        run: The id of its run.
        waits: Whether Airflow has not accepted it yet.
        uncured: The kinds of alarm that a retraining was tried for and that have not been fine since.
    """

    at: datetime | None = None
    run: str = ""
    waits: bool = False
    uncured: frozenset[str] = frozenset()


class RetrainingTrigger:
    """Starts retrainings for alarms, with a cooldown and at most one for each alarm.

    Args:
        runs: Airflow.
        decisions: Returns all decisions on model versions, oldest first.
        incidents: Where the run and its outcome are recorded, for the alerts that started it.
        state: The file of the last request.
        on_alarm: Whether alarms start retrainings (RETRAIN_ON_ALARM).
        cooldown: The minimum time between two retrainings (RETRAIN_COOLDOWN_H).
        clock: Returns the current time, with a time zone.

    >>> class FakeRuns:
    ...     started = []
    ...     def newest(self, dag): return None
    ...     def start(self, dag, *, run, note): self.started.append((dag, note))
    >>> trigger = RetrainingTrigger(
    ...     runs=FakeRuns(), decisions=list, state=Path("retraining.json"), on_alarm=True,
    ...     cooldown=timedelta(hours=24), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    ... )
    >>> trigger.check(AlarmChanges(firing=frozenset({"drift"}), well=frozenset()))
    >>> FakeRuns.started
    [('retrain_model_dag', 'Started by the watcher: drift.')]
    >>> trigger.check(AlarmChanges(firing=frozenset({"drift"}), well=frozenset()))
    >>> trigger.next
    'no alarm starts another before 2026-01-02 00:00 UTC (RETRAIN_COOLDOWN_H)'
    """

    def __init__(
        self,
        *,
        runs: RetrainingRuns,
        decisions: Callable[[], Iterable[DecisionRecord]],
        incidents: IncidentRecords | None = None,
        state: Path,
        on_alarm: bool,
        cooldown: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._runs, self._decisions, self._state = runs, decisions, state
        self._incidents = incidents
        self._on_alarm, self._cooldown, self._clock = on_alarm, cooldown, clock
        self._request = RetrainingRequest()
        self.alerts: tuple[Alert, ...] = ()
        """The alert about the newest run, if any."""
        self.outcome: RetrainingOutcome | None = None
        """The outcome of the newest run; None before the first."""
        self.next = ""
        """Why an alarm would not start a retraining now; empty if it would."""

    def check(self, alarms: AlarmChanges | None) -> None:
        """Read the newest run, update `alerts` and `outcome`, and start a retraining if one is due.

        Args:
            alarms: The alarms of the watcher's last round; None before the first.

        Raises:
            AirflowUnavailable: Airflow does not answer.
        """
        now, newest = self._clock(), self._runs.newest(RETRAINING)
        self._request = _load(self._state)  # an instance that takes over restores the file of the other one
        self.outcome = read_outcome(newest, self._decisions()) if newest else None
        self._record_result()
        firing = alarms.firing if alarms else frozenset()
        self.alerts = self._alerts(alarmed=bool(firing), now=now)
        if alarms:
            self._forget_cured(alarms)
        if self._request.waits:
            self._start()
            return
        self.next = self._reason_to_wait(newest, firing=firing, now=now)
        if firing and not self.next:
            self._request_run(firing, now)

    def _alerts(self, *, alarmed: bool, now: datetime) -> tuple[Alert, ...]:
        if self.outcome is None:
            return ()
        alert = outcome_alert(self.outcome, by_alarm=BY_ALARM, alarmed=alarmed, now=now)
        return (alert,) if alert else ()

    def _record_result(self) -> None:
        outcome = self.outcome
        if self._incidents and outcome and outcome.run.ended_at:
            self._incidents.note_result(
                outcome.run.name,
                result=outcome.result,
                version=outcome.version,
                ended_at=outcome.run.ended_at,
            )

    def _forget_cured(self, alarms: AlarmChanges) -> None:
        if cured := self._request.uncured & alarms.well:
            self._save(replace(self._request, uncured=self._request.uncured - cured))

    def _reason_to_wait(self, newest: PipelineRun | None, *, firing: frozenset[str], now: datetime) -> str:
        if not self._on_alarm:
            return "alarms do not start retrainings (RETRAIN_ON_ALARM)"
        if newest and not newest.is_over:
            return "one is under way"
        end = self._cooldown_end(newest, now)
        if end > now:
            return f"no alarm starts another before {end:%Y-%m-%d %H:%M} UTC (RETRAIN_COOLDOWN_H)"
        if firing and firing <= self._request.uncured:
            return "the alarm outlasted a retraining: it does not start another, a person must check"
        return ""

    def _cooldown_end(self, newest: PipelineRun | None, now: datetime) -> datetime:
        """Count from the newest run of any origin. A time in the future means that the clock was set back."""
        if self._request.at and self._request.at > now:
            self._save(replace(self._request, at=now))
        moments = (self._request.at, newest and newest.ended_at)
        return max((moment + self._cooldown for moment in moments if moment and moment <= now), default=now)

    def _request_run(self, firing: frozenset[str], now: datetime) -> None:
        # saved before it is requested: after a crash in between, the same run is requested again
        run = f"{BY_ALARM}{now:%Y%m%dT%H%M%S}"
        self._save(RetrainingRequest(at=now, run=run, waits=True, uncured=self._request.uncured | firing))
        self._start()

    def _start(self) -> None:
        kinds = ", ".join(sorted(self._request.uncured))
        self._runs.start(RETRAINING, run=self._request.run, note=f"Started by the watcher: {kinds}.")
        if self._incidents:
            self._incidents.note_run(self._request.run, kinds=self._request.uncured)
        self._save(replace(self._request, waits=False))
        self.next = "one is under way"
        logger.warning("retraining started", extra={"run": self._request.run, "because": kinds})

    def _save(self, request: RetrainingRequest) -> None:
        REQUEST_FORMAT.write(self._state, REQUEST.dump_python(request, mode="json"))
        self._request = request


REQUEST = TypeAdapter(RetrainingRequest)
REQUEST_FORMAT = StoredFormat(kind="retraining request")


def _load(path: Path) -> RetrainingRequest:
    try:
        return REQUEST.validate_json(json.dumps(REQUEST_FORMAT.read(path)))
    except FileNotFoundError:
        return RetrainingRequest()
    except (FormatUnknown, ValueError):  # Pydantic's error is a ValueError
        logger.exception("the saved retraining request is invalid and ignored; the cooldown still applies")
        return RetrainingRequest()
