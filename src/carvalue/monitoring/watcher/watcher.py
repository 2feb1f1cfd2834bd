"""The watcher: reads new quotes from the journal, checks them for drift, and updates alerts and metrics."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from carvalue.errors import AppError
from carvalue.files import FormatUnknown, StoredFormat, atomic_write
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
from carvalue.monitoring.watcher.client_shares import MAX_PER_CLIENT, WINDOW, ClientShares
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.live_accuracy import (
    estimated_error,
    max_per_client,
    measure_live_accuracy,
)
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.registry import RegistryReader

BATCH = 5_000  # quotes read in one round
SETTLING_TIME = timedelta(seconds=2)  # after it, all processes have written their quotes of a moment
CLOCK_CHANGE = timedelta(minutes=5)  # how long it may take until a clock that was set back is noticed
NEWEST_SALES = 500
REPORT_ROWS = 2_000
REPORT_EVERY = timedelta(days=1)

STATE_FORMAT = StoredFormat(kind="watcher state")

logger = logging.getLogger(__name__)


class Watcher:
    """Checks each quote of the version in production once, also over restarts. Not thread-safe.

    Args:
        journal: The source of quotes and sales.
        registry: The source of the version in production.
        references: The folder of the drift references.
        folder: The folder of the saved state.
        alert_store: The alerts to update.
        reports: The folder of the drift reports.
        metrics: The metrics to update.
        extra_alerts: Returns alerts of other sources, such as retrainings.
        verified: Clients whose reported sales an operator vouches for.
        clock: Returns the current time, with a time zone.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        registry: RegistryReader,
        references: Path,
        folder: Path,
        alert_store: AlertStore,
        reports: ReportFolder,
        metrics: WatcherMetrics,
        extra_alerts: Callable[[], Iterable[Alert]] = tuple,
        verified: Collection[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._journal, self._registry, self._references = journal, registry, references
        self._state_file, self.alert_store, self.reports = folder / "state.json", alert_store, reports
        self.metrics, self._extra_alerts, self._clock = metrics, extra_alerts, clock
        self._production: CalibratedDetector | None = None
        self._recent, self._verified, self._shares = pl.DataFrame(), verified, ClientShares()
        self._cursor = ""
        self._reported: str | None = None
        self.snapshot: WatcherSnapshot | None = None
        """The result of the last round; None before the first."""
        self.alarms: AlarmChanges | None = None
        """The alarms of the last round; None before the first."""
        self.trouble = ""
        """Why the last round failed; empty if it succeeded."""

    def step(self) -> int:
        """Do one round. Expected errors are recorded as `trouble`; the next round tries again.

        Returns:
            The number of quotes that were read.
        """
        try:
            read = self._step()
        except AppError as error:
            self.note_trouble(error.message)
            read = 0
        else:
            self.note_trouble("")
        self.metrics.show_deliveries(self.alert_store)
        return read

    def quotes_per_hour(self) -> list[tuple[datetime, int]]:
        """Count the quotes of the last 24 hours, of all versions.

        Returns:
            Pairs of the start of an hour (UTC) and its number of quotes, oldest first.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        return self._journal.per_hour(self._clock(), hours=24)

    def note_trouble(self, trouble: str) -> None:
        """Record whether the last round failed.

        Args:
            trouble: The reason; empty if the round succeeded.
        """
        if trouble and trouble != self.trouble:
            logger.warning("a round failed", extra={"because": trouble})
        self.trouble = trouble
        self.metrics.up.set(not trouble)

    def close(self) -> None:
        """Stop running reports and close the alerts and the journal."""
        self.reports.close()
        self.alert_store.close()
        self._journal.close()

    def _step(self) -> int:
        self._follow_production()
        if self._production is None:
            return 0
        now = self._clock()
        # ids begin with their time: after the clock was set back, new quotes sort before those that were read
        cursor = self._cursor if self._cursor <= first_id_at(now) else first_id_at(now - CLOCK_CHANGE)
        entries = self._journal.after(cursor, until=now - SETTLING_TIME, limit=BATCH)
        self._check(self._production, entries)
        self._conclude(self._production, entries)
        return len(entries)

    def _follow_production(self) -> None:
        version = self._registry.champion()
        if version is None or (self._production and self._production.version == version):
            return
        state = self._load()
        is_same = state.get("version") == version.bundle_digest
        saved = _detector_state(state) if is_same else None
        self._cursor = state.get("cursor", "")
        self._production = calibrate_detector(
            version, registry=self._registry, references=self._references, state=saved
        )
        self._recent, self._reported = pl.DataFrame(), state.get("reported") if is_same else None
        self._shares = ClientShares()
        if is_same:
            self._refill(self._production)

    def _refill(self, production: CalibratedDetector) -> None:
        version, rows = str(production.version.version), production.detector.max_window
        # of every thousand quotes a quarter is checked at least
        limit = WINDOW + rows * WINDOW // MAX_PER_CLIENT
        entries = self._journal.up_to(self._cursor, model_version=version, limit=limit)
        entries = self._shares.admit(entries)[-rows:]
        if entries:
            self._recent = journal_frame(entries)
            detector = production.detector
            if detector.state.rows:
                detector.refill(self._recent)
            else:  # the saved state was discarded: these rows rebuild it, so that a firing alert stays
                detector.add(self._recent)

    def _check(self, production: CalibratedDetector, entries: list[JournalEntry]) -> None:
        own = [entry for entry in entries if entry.model_version == str(production.version.version)]
        if admitted := self._shares.admit(own):
            rows = journal_frame(admitted)
            production.detector.add(rows)
            self._recent = pl.concat([self._recent, rows], how="diagonal")[-REPORT_ROWS:]
            self.metrics.count(admitted)
        if entries:
            self._cursor = entries[-1].quote_id

    def _conclude(self, production: CalibratedDetector, entries: list[JournalEntry]) -> None:
        now, version = self._clock(), str(production.version.version)
        sales = self._journal.sales(
            model_version=version,
            limit=NEWEST_SALES,
            max_per_client=max_per_client(NEWEST_SALES),
            verified=self._verified,
        )
        live = measure_live_accuracy(sales, verified=self._verified)
        drift = production.detector.report()
        self._report(production, drift, now)
        self.snapshot = WatcherSnapshot(
            model_version=version,
            reference=production.card.dataset_fingerprint,
            drift=drift,
            live=live,
            estimated_error=self._estimate(production),
            report=self._reported or "",
        )
        alerts = tuple(current_alerts(self.snapshot, metrics=production.card.metrics, now=now))
        self.alarms = alarm_changes(self.snapshot, alerts)
        self.alert_store.update((*alerts, *self._extra_alerts()), now=now)
        caught_up = len(entries) < BATCH
        lag = timedelta() if caught_up else now - entries[-1].quoted_at
        self.metrics.show(self.snapshot, lag=lag, now=now)
        self._save(production)

    def _estimate(self, production: CalibratedDetector) -> float | None:
        if len(self._recent) < NEWEST_SALES:
            return None
        width = float(self._recent["range_width"].mean())  # type: ignore[arg-type]
        return estimated_error(width=width, metrics=production.card.metrics)

    def _report(self, production: CalibratedDetector, drift: DriftReport, now: datetime) -> None:
        if drift.state != "confirmed":
            self._reported = None
        elif self._reported is None:
            self._reported = self._request_report(production, "drift", now)
        if self.reports.newest_of("daily", default=datetime.min.replace(tzinfo=UTC)) < now - REPORT_EVERY:
            self._request_report(production, "daily", now)

    def _request_report(self, production: CalibratedDetector, why: str, now: datetime) -> str | None:
        if len(self._recent) < MIN_ROWS:
            return None
        return self.reports.request(
            why=why, at=now, reference=production.reference[-REPORT_ROWS:], window=self._recent
        )

    def _load(self) -> dict[str, Any]:
        try:
            return STATE_FORMAT.load(self._state_file.read_text(), source=self._state_file)
        except FileNotFoundError:
            return {}
        except FormatUnknown as error:
            logger.warning("the watcher starts anew", extra={"because": error.message})
            return {}
        except ValueError:
            logger.exception("the watcher's state file is invalid: the watcher starts anew")
            return {}

    def _save(self, production: CalibratedDetector) -> None:
        state = {
            "version": production.version.bundle_digest,
            "cursor": self._cursor,
            "reported": self._reported,
            "memory": production.detector.state.as_json(),
        }
        with atomic_write(self._state_file) as temporary:
            temporary.write_text(STATE_FORMAT.dump(state))


def _detector_state(state: Mapping[str, Any]) -> DetectorState | None:
    try:
        return DetectorState.from_json(state["memory"])
    except StateIncompatible as error:
        logger.warning("the saved drift state is discarded", extra={"because": error.message})
        return None
