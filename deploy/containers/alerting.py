"""Write the receivers of Alertmanager and Grafana from ALERT_URLS, the setting that the watcher uses too."""

from carvalue.platform.observability.grafana import alerting_files
from carvalue.platform.observability.stack import ALERTMANAGER, GRAFANA, write_files
from carvalue.settings import load_settings

if __name__ == "__main__":
    settings = load_settings()
    write_files(ALERTMANAGER.files(settings), folder=ALERTMANAGER.folder(settings))
    write_files(alerting_files(settings.notifier_urls), folder=GRAFANA.folder(settings))
