"""The watcher's process: `python -m carvalue.monitoring`."""

import logging
from threading import Event, Thread

import uvicorn

from carvalue.logs import configure_logs
from carvalue.monitoring.alerts import AlertDesk
from carvalue.monitoring.journal import Journal
from carvalue.monitoring.pages import pages
from carvalue.monitoring.pipeline_runs import AirflowAway, PipelineRuns
from carvalue.monitoring.reports import Reports
from carvalue.monitoring.sinks import sinks_of
from carvalue.monitoring.watcher import BATCH, Watcher
from carvalue.monitoring.watcher_metrics import WatcherMetrics
from carvalue.registry.production import ProductionReader
from carvalue.settings import Settings, load_settings

POLL_S = 1.0
ASK_AIRFLOW_S = 30.0

logger = logging.getLogger(__name__)


def main() -> None:
    """Follow the journal in a thread, answer HTTP in this one, until told to stop."""
    configure_logs()
    settings = load_settings()
    watcher, stop = make_watcher(settings), Event()
    runs = PipelineRuns(settings.airflow_url, user=settings.airflow_user, password=settings.airflow_password)
    threads = (
        Thread(target=keep_watching, args=(watcher, stop)),
        Thread(target=keep_asking, args=(runs, watcher.metrics, stop)),
    )
    for thread in threads:
        thread.start()
    try:
        uvicorn.run(
            pages(watcher),
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


def make_watcher(settings: Settings) -> Watcher:
    """Put the watcher together as the settings name its parts.

    Raises:
        BadAlertUrl: ALERT_URLS names a sink that there is not.
    """
    folder = settings.state_dir / "watcher"
    return Watcher(
        journal=Journal(settings.journal_url.get_secret_value()),
        registry=ProductionReader(settings.mlflow_tracking_uri),
        references=settings.storage_root / "reference",
        folder=folder,
        desk=AlertDesk(folder / "alerts.db", sinks_of(settings.alert_sinks)),
        reports=Reports(folder / "reports"),
        metrics=WatcherMetrics(),
    )


def keep_watching(watcher: Watcher, stop: Event) -> None:
    """Do round after round until told to stop; a full round is followed by the next at once."""
    while not stop.is_set():
        read = 0
        try:
            read = watcher.step()
            watcher.metrics.reports.inc(watcher.reports.collect())
        except Exception:  # one bad round must not end the watching; the next may find the cause gone
            logger.exception("a round of the watcher failed")
        if read < BATCH:
            stop.wait(POLL_S)


def keep_asking(runs: PipelineRuns, metrics: WatcherMetrics, stop: Event) -> None:
    """Ask Airflow again and again until told to stop; apart, so that a slow Airflow holds up no check."""
    while not stop.is_set():
        try:
            metrics.show_pipelines(runs.outcomes())
        except AirflowAway:
            metrics.show_pipelines(None)
        stop.wait(ASK_AIRFLOW_S)


if __name__ == "__main__":
    main()
