"""The watcher's process: `python -m carvalue.monitoring.watcher`."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import uvicorn

from carvalue.errors import AppError
from carvalue.journal.store import Journal
from carvalue.logs import configure_logs
from carvalue.monitoring.alerting.notifiers import sinks_of
from carvalue.monitoring.alerting.store import Alert, AlertDesk
from carvalue.monitoring.watcher.airflow_runs import AirflowAway, PipelineRuns
from carvalue.monitoring.watcher.api import pages
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import Reports
from carvalue.monitoring.watcher.retraining import Retraining
from carvalue.monitoring.watcher.shadow import BATCH as SHADOW_BATCH
from carvalue.monitoring.watcher.shadow import Shadow
from carvalue.monitoring.watcher.watcher import BATCH, Watcher
from carvalue.registry.audit import AUDIT_FILE, Audit
from carvalue.registry.http_reader import ProductionReader
from carvalue.registry.model_version import Registry
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


def watch(settings: Settings, registry: Registry) -> None:
    """Watch by these settings until told to stop."""
    runs = PipelineRuns(settings.airflow_url, user=settings.airflow_user, password=settings.airflow_password)
    retraining, stop = make_retraining(settings, runs), Event()
    watcher = make_watcher(settings, registry=registry, others=lambda: retraining.alerts)
    shadow = make_shadow(settings, registry=registry, metrics=watcher.metrics)
    threads = (
        Thread(target=keep_watching, args=(watcher, stop)),
        Thread(target=keep_asking, args=(runs, watcher, retraining, stop)),
        Thread(target=keep_shadowing, args=(shadow, stop)),
    )
    for thread in threads:
        thread.start()
    try:
        uvicorn.run(
            pages(watcher, retraining),
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


def make_retraining(settings: Settings, runs: PipelineRuns) -> Retraining:
    """Put together what starts retrainings, as the settings say."""
    return Retraining(
        runs=runs,
        decisions=Audit(settings.storage_root / AUDIT_FILE).entries,
        state=settings.state_dir / "watcher" / "retraining.json",
        on_alarm=settings.retrain_on_alarm,
        cooldown=timedelta(hours=settings.retrain_cooldown_h),
    )


def make_watcher(
    settings: Settings, *, registry: Registry, others: Callable[[], Iterable[Alert]] = tuple
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
        desk=AlertDesk(folder / "alerts.db", sinks_of(settings.alert_sinks)),
        reports=Reports(folder / "reports"),
        metrics=WatcherMetrics(),
        others=others,
    )


def make_shadow(settings: Settings, *, registry: Registry, metrics: WatcherMetrics) -> Shadow:
    """Put together what lets a challenger quote beside production."""
    return Shadow(
        journal=Journal(settings.journal_url.get_secret_value()),
        registry=registry,
        folder=settings.state_dir / "watcher" / "shadow",
        metrics=metrics,
    )


def keep_shadowing(shadow: Shadow, stop: Event) -> None:
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


def keep_watching(watcher: Watcher, stop: Event) -> None:
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


def keep_asking(runs: PipelineRuns, watcher: Watcher, retraining: Retraining, stop: Event) -> None:
    """Ask Airflow again and again until told to stop; apart, so that a slow Airflow holds up no check."""
    while not stop.is_set():
        try:
            watcher.metrics.show_pipelines(runs.outcomes())
            retraining.look(watcher.alarms)
        except AirflowAway:
            watcher.metrics.show_pipelines(None)
        except Exception:  # as above; a full disk, for one
            logger.exception("looking after retrainings failed")
        stop.wait(ASK_AIRFLOW_S)


if __name__ == "__main__":
    main()
