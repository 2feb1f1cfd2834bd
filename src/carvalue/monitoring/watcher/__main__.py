"""The process of the watcher: `python -m carvalue.monitoring.watcher`."""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import uvicorn

from carvalue.errors import AppError
from carvalue.files import PRIVATE_UMASK, StoredCopy, open_folder
from carvalue.http_security import allowed_hosts
from carvalue.journal import Journal, LeasedState
from carvalue.journal.retention import DAYS_AHEAD, create_partitions
from carvalue.logs import configure_logs
from carvalue.monitoring.alerting import (
    Alert,
    Alertmanager,
    AlertStore,
    IncidentRecords,
    notifiers_from_urls,
    receivers_from_urls,
)
from carvalue.monitoring.drift import REFERENCE
from carvalue.monitoring.watcher.airflow_runs import AirflowRuns, AirflowUnavailable
from carvalue.monitoring.watcher.api import create_api
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import REPORTS, ReportFolder
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.monitoring.watcher.shadow import BATCH as SHADOW_BATCH
from carvalue.monitoring.watcher.shadow import ShadowScorer
from carvalue.monitoring.watcher.watcher import BATCH, WATCHER_FILES, Watcher
from carvalue.registry import RegistryReader, open_reader, read_decisions
from carvalue.settings import WatcherSettings, load_settings
from carvalue.telemetry import Tracer, open_tracer

POLL_S = 1.0
POLL_AIRFLOW_S = 30.0
SHADOW_S = 3.0
SAVE_S = 5.0  # what an alert may lose with the disk: a notification is then sent again
PARTITIONS_S = 3_600.0  # of a week of partitions that exist ahead
MAX_TROUBLE_CHARACTERS = 300  # database errors contain the whole statement

ALERTS, LAST_REQUEST = "alerts.db", "retraining.json"

logger = logging.getLogger(__name__)


def main() -> None:
    """Run the watcher with the settings of this process until it is stopped."""
    configure_logs()
    os.umask(PRIVATE_UMASK)
    settings = load_settings(WatcherSettings)
    with open_reader(settings) as registry:
        watch(settings, registry)


def watch(settings: WatcherSettings, registry: RegistryReader) -> None:
    """Run the checks in threads and the HTTP API in this thread, until the process is stopped.

    Args:
        settings: The settings.
        registry: The model registry.
    """
    runs = AirflowRuns(settings.airflow_url, user=settings.airflow_user, password=settings.airflow_password)
    stop, tracer, copy = Event(), open_tracer("watcher", settings), stored_copy(settings)
    # the trigger exists before the first round
    watcher = build_watcher(
        settings, registry=registry, copy=copy, extra_alerts=lambda: retraining.alerts, tracer=tracer
    )
    retraining = build_retraining(settings, runs, incidents=watcher.alert_store.incidents)
    shadow = build_shadow(settings, registry=registry, metrics=watcher.metrics)
    threads = (
        Thread(target=watch_forever, args=(watcher, stop)),
        Thread(target=poll_airflow_forever, args=(runs, watcher, retraining, stop)),
        Thread(target=shadow_forever, args=(shadow, stop)),
        Thread(target=partition_forever, args=(settings, stop)),
        Thread(target=save_forever, args=(copy, watcher, stop)),
    )
    for thread in threads:
        thread.start()
    try:
        uvicorn.run(
            create_api(
                watcher,
                retraining,
                decisions=partial(read_decisions, settings),
                allowed=allowed_hosts(settings),
                tracer=tracer,
            ),
            host=settings.bind_host,
            port=settings.watcher_port,
            log_config=None,
            access_log=False,
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        watcher.close(store=partial(save, copy, watcher))
        shadow.close()
        tracer.close()


def build_retraining(
    settings: WatcherSettings, runs: AirflowRuns, *, incidents: IncidentRecords | None = None
) -> RetrainingTrigger:
    """Build the part that starts retrainings.

    Args:
        settings: The settings.
        runs: Airflow.
        incidents: Where runs and their outcomes are recorded.

    Returns:
        The trigger, with its state below STATE_DIR.
    """
    return RetrainingTrigger(
        runs=runs,
        decisions=partial(read_decisions, settings),
        incidents=incidents,
        state=watcher_folder(settings) / LAST_REQUEST,
        on_alarm=settings.retrain_on_alarm,
        cooldown=timedelta(hours=settings.retrain_cooldown_h),
    )


def build_watcher(
    settings: WatcherSettings,
    *,
    registry: RegistryReader,
    copy: StoredCopy | None = None,
    extra_alerts: Callable[[], Iterable[Alert]] = tuple,
    tracer: Tracer | None = None,
) -> Watcher:
    """Build the watcher.

    Args:
        settings: The settings.
        registry: The model registry.
        copy: The copy of the watcher's files in the storage.
        extra_alerts: Returns alerts of other sources, such as retrainings.
        tracer: Opens the spans; they are not exported unless given.

    Returns:
        The watcher, with its state below STATE_DIR.

    Raises:
        BadAlertUrl: ALERT_URLS has an invalid URL.
    """
    journal = Journal(settings.journal_url.get_secret_value())
    return Watcher(
        journal=journal,
        state=LeasedState(journal, "watcher", _instance()),
        registry=registry,
        references=open_folder(settings, REFERENCE),
        folder=watcher_folder(settings),
        alert_store=_alert_store(settings),
        reports=ReportFolder(open_folder(settings, REPORTS)),
        metrics=WatcherMetrics(),
        copy=copy,
        extra_alerts=extra_alerts,
        verified=settings.verified_clients,
        corrects_ranges=settings.correct_ranges,
        tracer=tracer,
    )


def _alert_store(settings: WatcherSettings) -> AlertStore:
    for receiver in receivers_from_urls(settings.notifier_urls):
        if receiver.deprecated:
            logger.warning(
                "a URL in ALERT_URLS has a form that the next release refuses",
                extra={"receiver": receiver.name, "write": receiver.deprecated},
            )
    url = settings.alertmanager_url
    notifiers = notifiers_from_urls(
        settings.notifier_urls, allow_link_local=settings.alert_link_local, with_alertmanager=bool(url)
    )
    alertmanager = Alertmanager(url, source_url=settings.watcher_url) if url else None
    return AlertStore(watcher_folder(settings) / ALERTS, notifiers, state_receiver=alertmanager)


def _instance() -> str:
    return f"{socket.gethostname()[:24]}-{uuid4().hex}"


def build_shadow(
    settings: WatcherSettings, *, registry: RegistryReader, metrics: WatcherMetrics
) -> ShadowScorer:
    """Build the shadow scorer of the challenger.

    Args:
        settings: The settings.
        registry: The model registry.
        metrics: The metrics of the watcher.

    Returns:
        The scorer, with its files below STATE_DIR.
    """
    journal = Journal(settings.journal_url.get_secret_value())
    return ShadowScorer(
        journal=journal,
        state=LeasedState(journal, "shadow", _instance()),
        registry=registry,
        folder=watcher_folder(settings) / "shadow",
        metrics=metrics,
    )


def watcher_folder(settings: WatcherSettings) -> Path:
    """Name the folder of the watcher's own files.

    Args:
        settings: The settings.

    Returns:
        A folder below STATE_DIR; it may not exist.
    """
    return settings.state_dir / "watcher"


def stored_copy(settings: WatcherSettings) -> StoredCopy:
    """Address the copy of the alerts and of the last retraining request in STORAGE_URL.

    Args:
        settings: The settings.

    Returns:
        The copy; where STORAGE_URL is a folder, which is on the same disk or backed up with it, of no file.
    """
    is_elsewhere = not settings.storage_url.startswith("file:")
    return StoredCopy(
        watcher_folder(settings),
        names=(ALERTS, LAST_REQUEST) if is_elsewhere else (),
        stored=open_folder(settings, WATCHER_FILES),
    )


def save_forever(copy: StoredCopy, watcher: Watcher, stop: Event) -> None:
    """Store changes of the watcher's files until stopped.

    Args:
        copy: The copy of the files.
        watcher: The watcher; one that stands by, or has not restored the stored files, saves nothing.
        stop: Set to stop.
    """
    while not stop.wait(SAVE_S):
        save(copy, watcher)


def save(copy: StoredCopy, watcher: Watcher) -> None:
    """Store changes of the watcher's files; a failure is logged, and the next call tries again.

    Args:
        copy: The copy of the files.
        watcher: The watcher; one that stands by, or has not restored the stored files, saves nothing.
    """
    try:
        if watcher.is_active and watcher.may_store:
            copy.save()
    except AppError as error:
        logger.warning("the watcher's files are not stored", extra={"because": error.message})
    except Exception:  # as below
        logger.exception("the watcher's files are not stored")


def shadow_forever(shadow: ShadowScorer, stop: Event) -> None:
    """Run shadow scoring until stopped. It has its own thread, so that checks do not wait for it.

    Args:
        shadow: The scorer.
        stop: Set to stop.
    """
    while not stop.is_set():
        read = 0
        try:
            read = shadow.step(now=datetime.now(UTC))
        except AppError as error:
            logger.warning("shadow scoring failed", extra={"because": str(error)})
        except Exception:  # as below
            logger.exception("shadow scoring failed unexpectedly")
        if read < SHADOW_BATCH:
            stop.wait(SHADOW_S)


def partition_forever(settings: WatcherSettings, stop: Event) -> None:
    """Create the journal's partitions of the coming days until stopped; a SQLite journal has none.

    Args:
        settings: The settings.
        stop: Set to stop.
    """
    journal = Journal(settings.journal_url.get_secret_value())
    while not stop.is_set():
        try:
            create_partitions(journal, until=datetime.now(UTC).date() + DAYS_AHEAD)
        except AppError as error:  # without them quotes are kept in one partition, until the next attempt
            logger.warning("the journal's partitions are not created", extra={"because": error.message})
        except Exception:  # as below
            logger.exception("the journal's partitions are not created")
        stop.wait(PARTITIONS_S)
    journal.close()


def watch_forever(watcher: Watcher, stop: Event) -> None:
    """Run rounds of the watcher until stopped. A full round is followed by the next one at once.

    Args:
        watcher: The watcher.
        stop: Set to stop.
    """
    while not stop.is_set():
        read = 0
        try:
            read = watcher.step()
            watcher.metrics.reports.inc(watcher.reports.collect())
        except Exception as error:  # a failed round must not end the loop; its cause may be temporary
            logger.exception("a round of the watcher failed")
            watcher.note_trouble(f"{type(error).__name__}: {error}"[:MAX_TROUBLE_CHARACTERS])
        if read < BATCH:
            stop.wait(POLL_S)


def poll_airflow_forever(
    runs: AirflowRuns, watcher: Watcher, retraining: RetrainingTrigger, stop: Event
) -> None:
    """Read runs from Airflow and start retrainings until stopped, in a thread of its own.

    Args:
        runs: Airflow.
        watcher: The source of the alarms.
        retraining: What starts retrainings.
        stop: Set to stop.
    """
    while not stop.is_set():
        try:
            watcher.metrics.show_pipelines(runs.outcomes())
            retraining.check(watcher.alarms)
            watcher.metrics.show_retraining(retraining.outcome.run.began_at if retraining.outcome else None)
        except AirflowUnavailable:
            watcher.metrics.show_pipelines(None)
        except Exception:  # as above, for example a full disk
            logger.exception("checking retrainings failed")
        stop.wait(POLL_AIRFLOW_S)


if __name__ == "__main__":
    main()
