"""The watcher's process: `python -m carvalue.monitoring.watcher`."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import uvicorn

from carvalue.errors import AppError
from carvalue.journal import Journal
from carvalue.logs import configure_logs
from carvalue.monitoring.alerting import Alert, AlertStore, notifiers_from_urls
from carvalue.monitoring.watcher.airflow_runs import AirflowRuns, AirflowUnavailable
from carvalue.monitoring.watcher.api import create_api
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.monitoring.watcher.shadow import BATCH as SHADOW_BATCH
from carvalue.monitoring.watcher.shadow import ShadowScorer
from carvalue.monitoring.watcher.watcher import BATCH, Watcher
from carvalue.registry import AUDIT_FILE, AuditLog, ModelRegistry, ProductionReader
from carvalue.settings import Settings, load_settings

POLL_S = 1.0
ASK_AIRFLOW_S = 30.0
SHADOW_S = 3.0
TROUBLE_CHARACTERS = 300  # a fault of a database brings its statement along

logger = logging.getLogger(__name__)


def main() -> None:
    """Follow the journal in a thread, answer HTTP in this one, until told to stop."""
    configure_logs()
    settings = load_settings()
    with ProductionReader(settings.mlflow_tracking_uri) as registry:
        watch(settings, registry)


def watch(settings: Settings, registry: ModelRegistry) -> None:
    """Watch by these settings until told to stop."""
    runs = AirflowRuns(settings.airflow_url, user=settings.airflow_user, password=settings.airflow_password)
    retraining, stop = build_retraining(settings, runs), Event()
    watcher = build_watcher(settings, registry=registry, others=lambda: retraining.alerts)
    shadow = build_shadow(settings, registry=registry, metrics=watcher.metrics)
    threads = (
        Thread(target=watch_forever, args=(watcher, stop)),
        Thread(target=poll_airflow_forever, args=(runs, watcher, retraining, stop)),
        Thread(target=shadow_forever, args=(shadow, stop)),
    )
    for thread in threads:
        thread.start()
    try:
        uvicorn.run(
            create_api(watcher, retraining),
            host=settings.bind_host,
            port=settings.watcher_port,
            log_config=None,
            access_log=False,
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        watcher.close()
        shadow.close()


def build_retraining(settings: Settings, runs: AirflowRuns) -> RetrainingTrigger:
    """Put together what starts retrainings, as the settings say."""
    return RetrainingTrigger(
        runs=runs,
        decisions=AuditLog(settings.storage_root / AUDIT_FILE).entries,
        state=settings.state_dir / "watcher" / "retraining.json",
        on_alarm=settings.retrain_on_alarm,
        cooldown=timedelta(hours=settings.retrain_cooldown_h),
    )


def build_watcher(
    settings: Settings, *, registry: ModelRegistry, others: Callable[[], Iterable[Alert]] = tuple
) -> Watcher:
    """Put the watcher together as the settings name its parts.

    Raises:
        BadAlertUrl: ALERT_URLS names a sink that there is not.
    """
    folder = settings.state_dir / "watcher"
    return Watcher(
        journal=Journal(settings.journal_url.get_secret_value()),
        registry=registry,
        references=settings.storage_root / "reference",
        folder=folder,
        desk=AlertStore(folder / "alerts.db", notifiers_from_urls(settings.notifier_urls)),
        reports=ReportFolder(folder / "reports"),
        metrics=WatcherMetrics(),
        others=others,
    )


def build_shadow(settings: Settings, *, registry: ModelRegistry, metrics: WatcherMetrics) -> ShadowScorer:
    """Put together what lets a challenger quote beside production."""
    return ShadowScorer(
        journal=Journal(settings.journal_url.get_secret_value()),
        registry=registry,
        folder=settings.state_dir / "watcher" / "shadow",
        metrics=metrics,
    )


def shadow_forever(shadow: ShadowScorer, stop: Event) -> None:
    """Let the challenger quote until told to stop; apart, so that no check waits for it."""
    while not stop.is_set():
        read = 0
        try:
            read = shadow.step(now=datetime.now(UTC))
        except AppError as error:
            logger.warning("the challenger does not quote", extra={"because": str(error)})
        except Exception:  # as below
            logger.exception("a round of the challenger failed")
        if read < SHADOW_BATCH:
            stop.wait(SHADOW_S)


def watch_forever(watcher: Watcher, stop: Event) -> None:
    """Do round after round until told to stop; a full round is followed by the next at once."""
    while not stop.is_set():
        read = 0
        try:
            read = watcher.step()
            watcher.metrics.reports.inc(watcher.reports.collect())
        except Exception as error:  # one bad round must not end the watching; its cause may go
            logger.exception("a round of the watcher failed")
            watcher.note_trouble(f"{type(error).__name__}: {error}"[:TROUBLE_CHARACTERS])
        if read < BATCH:
            stop.wait(POLL_S)


def poll_airflow_forever(
    runs: AirflowRuns, watcher: Watcher, retraining: RetrainingTrigger, stop: Event
) -> None:
    """Ask Airflow again and again until told to stop; apart, so that a slow Airflow holds up no check."""
    while not stop.is_set():
        try:
            watcher.metrics.show_pipelines(runs.outcomes())
            retraining.look(watcher.alarms)
        except AirflowUnavailable:
            watcher.metrics.show_pipelines(None)
        except Exception:  # as above; a full disk, for one
            logger.exception("looking after retrainings failed")
        stop.wait(ASK_AIRFLOW_S)


if __name__ == "__main__":
    main()
