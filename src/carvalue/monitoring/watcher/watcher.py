"""The watcher: reads new quotes from the journal, checks them for drift, and updates alerts and metrics."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from carvalue.errors import AppError
from carvalue.files import FormatUnknown, StoredCopy, StoredFolder, StoredFormat
from carvalue.journal import (
    Arrivals,
    Journal,
    JournalCursor,
    JournalEntry,
    LeasedState,
    LeaseLost,
    Rating,
    Sale,
)
from carvalue.monitoring.alerting import Alert, AlertStore
from carvalue.monitoring.channels import Cause, ChannelDetectors, diagnose, merge
from carvalue.monitoring.drift import (
    MIN_ROWS,
    CalibratedReference,
    DriftReport,
    calibrate_reference,
    journal_frame,
)
from carvalue.monitoring.incidents import IncidentReader
from carvalue.monitoring.watcher.accuracy_tests import AccuracyTests
from carvalue.monitoring.watcher.alert_conditions import (
    AlarmChanges,
    WatcherSnapshot,
    alarm_changes,
    current_alerts,
)
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.live_accuracy import (
    LiveAccuracy,
    estimated_error,
    max_per_client,
    measure_live_accuracy,
    range_correction,
)
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.pricing.intervals import NO_CORRECTION
from carvalue.registry import RegistryReader
from carvalue.telemetry import LocalTracer, Tracer

BATCH = 5_000  # quotes read in one round
SETTLING_TIME = timedelta(
    seconds=2
)  # after it, processes of release 0.2 have written their quotes of a moment
SAVE_EVERY = timedelta(seconds=10)  # while quotes arrive; a crash repeats the checks since then
REBUILD_ROWS = 5_000  # quotes that replace a state of another release
SAVED_FORMAT = 2  # 1 was the file state.json of releases 0.1 and 0.2
STATE_FORMAT = StoredFormat(kind="watcher state")
"""The format of that file."""
WATCHER_FILES = "watcher"
"""The folder of the storage with the copy of the alerts and of the last retraining request."""
NEWEST_SALES = 500
REPORT_ROWS = 2_000
REPORT_EVERY = timedelta(days=1)
SPAN_TRACES = 100  # trace ids in a span; collectors cut longer attributes off


logger = logging.getLogger(__name__)


class Watcher:
    """Checks each quote of the version in production once, also over restarts. Not thread-safe.

    Of several instances, the one that holds the lease of the state checks quotes; the others stand by.

    Args:
        journal: The source of quotes and sales.
        state: The saved state, which one instance at a time may write.
        registry: The source of the version in production.
        references: The folder of the drift references.
        folder: The folder of the state of releases 0.1 and 0.2.
        alert_store: The alerts to update.
        reports: The folder of the drift reports.
        metrics: The metrics to update.
        copy: The copy of the alerts that each active instance stores, and the next one restores.
        extra_alerts: Returns alerts of other sources, such as retrainings.
        verified: Clients whose reported sales an operator vouches for.
        corrects_ranges: Whether reported sales correct price ranges.
        tracer: Opens a span for each round that reads quotes.
        clock: Returns the current time, with a time zone.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        state: LeasedState,
        registry: RegistryReader,
        references: StoredFolder,
        folder: Path,
        alert_store: AlertStore,
        reports: ReportFolder,
        metrics: WatcherMetrics,
        copy: StoredCopy | None = None,
        extra_alerts: Callable[[], Iterable[Alert]] = tuple,
        verified: Collection[str] = (),
        corrects_ranges: bool = True,
        tracer: Tracer | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._corrects_ranges = corrects_ranges
        self._journal, self._state, self._registry = journal, state, registry
        self._references, self._file_of_release_0_2 = references, folder / "state.json"
        self.alert_store, self.reports = alert_store, reports
        self.incidents = IncidentReader(alert_store.incidents, journal)
        self._copy = copy
        self._fetching: Future[Path] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        self._tracer = tracer or LocalTracer()
        self.metrics, self._extra_alerts, self._clock = metrics, extra_alerts, clock
        self._production: CalibratedReference | None = None
        self._detectors: ChannelDetectors | None = None
        self._recent, self._verified = pl.DataFrame(), verified
        self._live = LiveAccuracy(sales=0, error=None, coverage=None)
        self._sales_until: datetime | None = None
        self._correction = NO_CORRECTION
        self._cursor, self._sales_cursor = JournalCursor(), 0
        self._tests = AccuracyTests(metrics={})
        self._reported: str | None = None
        self._has_changed, self._saved_at = False, datetime.min.replace(tzinfo=UTC)
        self.snapshot: WatcherSnapshot | None = None
        """The result of the last round; None before the first and while another instance is active."""
        self.alarms: AlarmChanges | None = None
        """The alarms of the last round; None before the first and while another instance is active."""
        self.trouble = ""
        """Why the last round failed; empty if it succeeded."""
        self.is_active = False
        """Whether this instance checks the quotes."""
        self.may_store = False
        """Whether the alerts on this disk continue the stored ones, so that they may replace them."""

    def step(self) -> int:
        """Do one round. Expected errors are recorded as `trouble`; the next round tries again.

        Returns:
            The number of quotes that were read.
        """
        try:
            read = self._step()
        except LeaseLost:
            self._stand_by()
            self.note_trouble("")
            read = 0
        except AppError as error:
            self.note_trouble(error.message)
            if self.is_active:
                self.alert_store.deliver(
                    now=self._clock()
                )  # alerts are delivered while the journal is unavailable
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

    def rating_counts(self) -> Mapping[Rating, int]:
        """Count the ratings of the version whose quotes are checked.

        Returns:
            The number of quotes by rating; empty before the first round.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        version = self.snapshot.model_version if self.snapshot else ""
        return self._journal.rating_counts(model_version=version) if version else {}

    def note_trouble(self, trouble: str) -> None:
        """Record whether the last round failed.

        Args:
            trouble: The reason; empty if the round succeeded.
        """
        if trouble and trouble != self.trouble:
            logger.warning("a round failed", extra={"because": trouble})
        self.trouble = trouble
        self.metrics.up.set(not trouble)
        if not trouble:
            self.metrics.checked.set(self._clock().timestamp())

    def close(self, *, store: Callable[[], None] = lambda: None) -> None:
        """Save the state, close the alerts and the journal, and let another instance take over.

        Args:
            store: Stores the alerts; called when they are closed, before another instance can take over.
        """
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.alert_store.close()
        store()
        try:
            if self._production is not None and self.is_active:
                self._save(self._production)
                self._state.release()
        except AppError as error:
            logger.warning("the watcher's state is not saved", extra={"because": error.message})
        self.reports.close()
        self._journal.close()

    def _step(self) -> int:
        now = self._clock()
        if not self._state.acquire(now):
            self._stand_by()
            return 0
        if not self.may_store and not self._has_alerts():
            return 0
        self.is_active = True
        self._follow_production()
        if self._production is None or self._detectors is None:
            return 0
        arrivals = self._journal.arrived(self._cursor, until=now - SETTLING_TIME, limit=BATCH)
        self._has_changed |= arrivals.cursor != self._cursor
        self._cursor = arrivals.cursor
        if not arrivals.entries:
            self._conclude(self._production, self._detectors, arrivals.entries)
            return 0
        with self._tracer.span("check quotes") as span:
            span.annotate(carvalue__quotes=len(arrivals.entries), carvalue__trace_ids=_traces(arrivals))
            self._check(self._production, self._detectors, arrivals.entries)
            self._conclude(self._production, self._detectors, arrivals.entries)
        return len(arrivals.entries)

    def _has_alerts(self) -> bool:
        """Restore the alerts that the active instance before this one stored; a thread fetches them.

        Returns:
            False during the first attempt, in which rounds only renew the lease. While the storage is away,
            rounds use the alerts of this disk, which are not stored, and later ones try again.
        """
        if self._copy is None:
            return True
        if self._fetching is None:
            self._fetching = self._thread.submit(self._copy.fetch)
        if not self._fetching.done():
            return self.is_active
        fetching, self._fetching = self._fetching, None
        try:
            fetched = fetching.result()
        except AppError as error:
            if not self.is_active:  # log once, not for every attempt
                logger.warning(
                    "stored alerts unavailable, local ones are used", extra={"because": error.message}
                )
            return True
        self.alert_store.replace_file(partial(self._copy.restore, fetched))
        self.may_store = True
        return True

    def _stand_by(self) -> None:
        self.is_active, self._production, self._detectors = False, None, None
        self.may_store, self._fetching = False, None
        self.snapshot = self.alarms = None

    def _follow_production(self) -> None:
        version = self._registry.champion()
        if version is None or (self._production and self._production.version == version):
            return
        if self._production is not None:
            self._save(self._production)
        state = self._load()
        production = calibrate_reference(version, registry=self._registry, references=self._references)
        is_same = state.get("version") == version.bundle_digest
        channels = state.get("channels") if is_same else {}
        self._detectors = ChannelDetectors(production.profile, production.null, channels)
        self._recent, self._reported = pl.DataFrame(), state.get("reported") if is_same else None
        self._live, self._sales_until = LiveAccuracy(sales=0, error=None, coverage=None), None
        self._correction = NO_CORRECTION
        self._cursor = JournalCursor(**state.get("cursor", {}))
        self._sales_cursor = state.get("sales_cursor", 0)
        tests = state.get("tests", {}) if is_same else {}
        self._tests = AccuracyTests.from_json(tests, metrics=production.card.metrics)
        self._production, self._has_changed = production, True
        if is_same:
            is_discarded = channels != {} and not self._detectors.names
            self._refill(production, self._detectors if is_discarded else None)

    def _refill(self, production: CalibratedReference, discarded: ChannelDetectors | None) -> None:
        """Read the newest quotes again: for reports, and for detectors whose saved state was discarded."""
        version = str(production.version.version)
        entries = self._journal.before(self._cursor, model_version=version, limit=REBUILD_ROWS)
        if not entries:
            return
        rows = journal_frame(entries)
        self._recent = rows[-REPORT_ROWS:]
        if discarded is not None:
            self._recent = discarded.add(rows)[-REPORT_ROWS:]

    def _check(
        self, production: CalibratedReference, detectors: ChannelDetectors, entries: list[JournalEntry]
    ) -> None:
        own = [entry for entry in entries if entry.model_version == str(production.version.version)]
        if own:
            counted = detectors.add(journal_frame(own))
            self._recent = pl.concat([self._recent, counted], how="diagonal")[-REPORT_ROWS:]
            self.metrics.count(own)

    def _conclude(
        self, production: CalibratedReference, detectors: ChannelDetectors, entries: list[JournalEntry]
    ) -> None:
        now, version = self._clock(), str(production.version.version)
        channels = detectors.reports()
        drift = merge(channels)
        self._report(production, drift, now)
        self.snapshot = WatcherSnapshot(
            model_version=version,
            reference=production.card.dataset_fingerprint,
            drift=drift,
            channels=channels,
            diagnoses=tuple(
                diagnose(name, report, effects=production.effects)
                for name, report in channels.items()
                if report.state == "confirmed"
            ),
            live=self._measure(version),
            correction=self._correction,
            tests=self._tests,
            estimated_error=self._estimate(production),
            report=self._reported or "",
            recent=self._recent,
        )
        for item in self.snapshot.diagnoses:
            if item.cause is Cause.OTHER_CARS and not item.affects_prices:
                detectors.accept_lasting(item.channel)
        alerts = tuple(current_alerts(self.snapshot, metrics=production.card.metrics, now=now))
        alarms = alarm_changes(self.snapshot, alerts)
        is_due = alarms != self.alarms or not timedelta() <= now - self._saved_at < SAVE_EVERY
        self.alarms = alarms
        self.alert_store.update((*alerts, *self._extra_alerts()), now=now)
        caught_up = len(entries) < BATCH
        lag = timedelta() if caught_up else now - entries[-1].quoted_at
        self.metrics.show(self.snapshot, lag=lag)
        if self._has_changed and is_due:
            self._save(production)

    def _measure(self, version: str) -> LiveAccuracy:
        """Measure the accuracy again if sales were reported since the last time."""
        sales = self._journal.sales_after(self._sales_cursor, limit=BATCH)
        if sales:
            self._tests.add([sale for _, of, sale in sales if of == version], verified=self._verified)
            self._sales_cursor, self._has_changed = sales[-1][0], True
        newest = self._journal.last_sale_at()
        if newest != self._sales_until:
            counted = self._journal.sales(
                model_version=version,
                limit=NEWEST_SALES,
                max_per_client=max_per_client(NEWEST_SALES),
                verified=self._verified,
            )
            self._correct_ranges(version, counted)
            self._live, self._sales_until = measure_live_accuracy(counted, verified=self._verified), newest
        return self._live

    def _correct_ranges(self, version: str, sales: Sequence[Sale]) -> None:
        """Publish the correction of the version's price ranges for the price service."""
        self._correction = (
            range_correction(sales, verified=self._verified) if self._corrects_ranges else NO_CORRECTION
        )
        self._journal.set_range_correction(
            model_version=version, **asdict(self._correction), computed_at=self._clock()
        )

    def _estimate(self, production: CalibratedReference) -> float | None:
        if len(self._recent) < NEWEST_SALES:
            return None
        width = float(self._recent["range_width"].mean())  # type: ignore[arg-type]
        return estimated_error(width=width, metrics=production.card.metrics)

    def _report(self, production: CalibratedReference, drift: DriftReport, now: datetime) -> None:
        if drift.state != "confirmed":
            self._reported = None
        elif self._reported is None:
            self._reported = self._request_report(production, "drift", now)
        if self.reports.newest_of("daily", default=datetime.min.replace(tzinfo=UTC)) < now - REPORT_EVERY:
            self._request_report(production, "daily", now)

    def _request_report(self, production: CalibratedReference, why: str, now: datetime) -> str | None:
        if len(self._recent) < MIN_ROWS:
            return None
        return self.reports.request(
            why=why, at=now, reference=production.rows[-REPORT_ROWS:], window=self._recent
        )

    def _load(self) -> Mapping[str, Any]:
        state = self._state.read()
        if state.get("format") == SAVED_FORMAT:
            return state
        if state:
            logger.warning("the watcher's state has another format: its position is kept")
            return {name: state[name] for name in ("cursor", "sales_cursor") if name in state}
        return self._load_of_release_0_2()

    def _load_of_release_0_2(self) -> Mapping[str, Any]:
        try:
            text = self._file_of_release_0_2.read_text()
            old: Mapping[str, Any] = STATE_FORMAT.load(text, source=self._file_of_release_0_2)
        except FileNotFoundError:
            return {}
        except FormatUnknown as error:
            logger.warning("the watcher starts anew", extra={"because": error.message})
            return {}
        except ValueError:
            logger.exception("the watcher's state file is invalid: the watcher starts anew")
            return {}
        return {**old, "cursor": {"quote_id": old.get("cursor", "")}}

    def _save(self, production: CalibratedReference) -> None:
        channels = self._detectors.as_json() if self._detectors else {}
        state = {
            "format": SAVED_FORMAT,
            "version": production.version.bundle_digest,
            "cursor": asdict(self._cursor),
            "sales_cursor": self._sales_cursor,
            "tests": self._tests.as_json(),
            "reported": self._reported,
            "channels": channels,
        }
        self._state.write(state)
        self._has_changed, self._saved_at = False, self._clock()


def _traces(arrivals: Arrivals) -> list[str]:
    traces = dict.fromkeys(entry.trace_id for entry in arrivals.entries if entry.trace_id)
    return [*traces][:SPAN_TRACES]
