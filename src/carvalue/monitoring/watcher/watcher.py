"""The watcher: follows the journal, judges what it reads, tells who must know; never on a request's path."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from carvalue.errors import AppError
from carvalue.files import atomic_write
from carvalue.journal import Journal, JournalEntry, first_id_at
from carvalue.monitoring.alerting import Alert, AlertStore
from carvalue.monitoring.drift import (
    MIN_ROWS,
    CalibratedDetector,
    DetectorState,
    DriftReport,
    StateIncompatible,
    calibrate_detector,
    journal_frame,
)
from carvalue.monitoring.watcher.alert_conditions import (
    AlarmChanges,
    WatcherSnapshot,
    alarm_changes,
    current_alerts,
)
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.live_accuracy import estimated_error, measure_live_accuracy
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.registry import ModelRegistry

BATCH = 5_000  # quotes read at once
SETTLED = timedelta(
    seconds=2
)  # by then all quotes of a moment are in the journal, whichever process gave them
NOTICED = timedelta(minutes=5)  # by then a clock that was set back is noticed, restarts included
NEWEST_SALES = 500
REPORT_ROWS = 2_000
REPORT_EVERY = timedelta(days=1)

logger = logging.getLogger(__name__)


class Watcher:
    """One stream: the quotes of the version in production, each judged once, over restarts too."""

    def __init__(
        self,
        *,
        journal: Journal,
        registry: ModelRegistry,
        references: Path,
        folder: Path,
        desk: AlertStore,
        reports: ReportFolder,
        metrics: WatcherMetrics,
        others: Callable[[], Iterable[Alert]] = tuple,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._journal, self._registry, self._references = journal, registry, references
        self._state, self.desk, self.reports = folder / "state.json", desk, reports
        self.metrics, self._others, self._clock = metrics, others, clock
        self._watched: CalibratedDetector | None = None
        self._recent = pl.DataFrame()
        self._cursor = ""
        self._reported: str | None = None
        self.findings: WatcherSnapshot | None = None
        self.alarms: AlarmChanges | None = None
        self.trouble = ""
        """Why the last round could not be finished; empty when it could."""

    def step(self) -> int:
        """Do one round; tell how many quotes it read. What is away is tried again in the next round."""
        try:
            read = self._step()
        except AppError as error:
            self.note_trouble(error.message)
            read = 0
        else:
            self.note_trouble("")
        self.metrics.show_deliveries(self.desk)
        return read

    def quotes_per_hour(self) -> list[tuple[datetime, int]]:
        """Count the quotes of the last 24 hours, whichever version gave them.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        return self._journal.per_hour(self._clock(), hours=24)

    def close(self) -> None:
        """Stop what is under way and close what is open."""
        self.reports.close()
        self.desk.close()
        self._journal.close()

    def _step(self) -> int:
        self._follow_production()
        if self._watched is None:
            return 0
        now = self._clock()
        # ids begin with their time: after a clock was set back, new quotes sort before what was read
        cursor = self._cursor if self._cursor <= first_id_at(now) else first_id_at(now - NOTICED)
        entries = self._journal.after(cursor, until=now - SETTLED, limit=BATCH)
        self._judge(self._watched, entries)
        self._conclude(self._watched, entries)
        return len(entries)

    def _follow_production(self) -> None:
        version = self._registry.latest()
        if version is None or (self._watched and self._watched.version == version):
            return
        state = self._load()
        same = state.get("version") == version.bundle_digest
        memory = _detector_state(state) if same else None
        self._cursor = state.get("cursor", "")
        self._watched = calibrate_detector(
            version, registry=self._registry, references=self._references, memory=memory
        )
        self._recent, self._reported = pl.DataFrame(), state.get("reported") if same else None
        if same:
            self._recall(self._watched)

    def _recall(self, now_watched: CalibratedDetector) -> None:
        version, reach = str(now_watched.version.version), now_watched.detector.reach
        entries = self._journal.up_to(self._cursor, model_version=version, limit=reach)
        if entries:
            self._recent = journal_frame(entries)
            detector = now_watched.detector
            if detector.memory.rows:
                detector.recall(self._recent)
            else:  # the saved state was discarded: these rows rebuild it, so that a lasting alert goes on
                detector.add(self._recent)

    def _judge(self, now_watched: CalibratedDetector, entries: list[JournalEntry]) -> None:
        mine = [entry for entry in entries if entry.model_version == str(now_watched.version.version)]
        if mine:
            rows = journal_frame(mine)
            now_watched.detector.add(rows)
            self._recent = pl.concat([self._recent, rows], how="diagonal")[-REPORT_ROWS:]
            self.metrics.count(mine)
        if entries:
            self._cursor = entries[-1].quote_id

    def _conclude(self, now_watched: CalibratedDetector, entries: list[JournalEntry]) -> None:
        now, version = self._clock(), str(now_watched.version.version)
        live = measure_live_accuracy(self._journal.sales(model_version=version, limit=NEWEST_SALES))
        drift = now_watched.detector.report()
        self._report(now_watched, drift, now)
        self.findings = WatcherSnapshot(
            model_version=version,
            reference=now_watched.card.dataset_fingerprint,
            drift=drift,
            live=live,
            estimated_error=self._estimate(now_watched),
            report=self._reported or "",
        )
        alerts = tuple(current_alerts(self.findings, metrics=now_watched.card.metrics, now=now))
        self.alarms = alarm_changes(self.findings, alerts)
        self.desk.update((*alerts, *self._others()), now=now)
        caught_up = len(entries) < BATCH
        lag = timedelta() if caught_up else now - entries[-1].quoted_at
        self.metrics.show(self.findings, lag=lag, now=now)
        self._save(now_watched)

    def _estimate(self, now_watched: CalibratedDetector) -> float | None:
        if len(self._recent) < NEWEST_SALES:
            return None
        width = float(self._recent["range_width"].mean())  # type: ignore[arg-type]
        return estimated_error(width=width, metrics=now_watched.card.metrics)

    def _report(self, now_watched: CalibratedDetector, drift: DriftReport, now: datetime) -> None:
        if drift.state != "confirmed":
            self._reported = None
        elif self._reported is None:
            self._reported = self._ask_for_report(now_watched, "drift", now)
        if self.reports.newest_of("daily", default=datetime.min.replace(tzinfo=UTC)) < now - REPORT_EVERY:
            self._ask_for_report(now_watched, "daily", now)

    def _ask_for_report(self, now_watched: CalibratedDetector, why: str, now: datetime) -> str | None:
        if len(self._recent) < MIN_ROWS:
            return None
        return self.reports.ask(
            why=why, at=now, reference=now_watched.reference[-REPORT_ROWS:], window=self._recent
        )

    def _load(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._state.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            logger.exception("the watcher's state cannot be read: it begins anew")
            return {}
        return state

    def _save(self, now_watched: CalibratedDetector) -> None:
        state = {
            "version": now_watched.version.bundle_digest,
            "cursor": self._cursor,
            "reported": self._reported,
            "memory": now_watched.detector.memory.as_json(),
        }
        with atomic_write(self._state) as aside:
            aside.write_text(json.dumps(state))

    def note_trouble(self, trouble: str) -> None:
        """Tell why a round could not be finished; an empty text: it could."""
        if trouble and trouble != self.trouble:
            logger.warning("a round could not be finished", extra={"because": trouble})
        self.trouble = trouble
        self.metrics.up.set(not trouble)


def _detector_state(state: Mapping[str, Any]) -> DetectorState | None:
    try:
        return DetectorState.from_json(state["memory"])
    except StateIncompatible as error:
        logger.warning("the saved drift state is discarded", extra={"because": error.message})
        return None
