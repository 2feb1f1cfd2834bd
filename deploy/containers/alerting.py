"""Write out of ALERT_URLS whom Alertmanager and Grafana tell: the same people as the watcher does."""

from carvalue.platform.observability.grafana import alerting_files
from carvalue.platform.observability.stack import ALERTMANAGER, GRAFANA, write_files
from carvalue.settings import load_settings

if __name__ == "__main__":
    settings = load_settings()
    write_files(ALERTMANAGER.files(settings), folder=ALERTMANAGER.folder(settings))
    write_files(alerting_files(settings.notifier_urls), folder=GRAFANA.folder(settings))
