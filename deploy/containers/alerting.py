"""Write what Alertmanager and Grafana read: receivers from ALERT_URLS, and dashboards with OPERATOR_LINKS."""

from carvalue.platform.observability.dashboards import dashboard_files
from carvalue.platform.observability.grafana import alerting_files
from carvalue.platform.observability.stack import write_files
from carvalue.platform.observability.tools import ALERTMANAGER, GRAFANA
from carvalue.settings import load_settings

if __name__ == "__main__":
    settings = load_settings()
    write_files(ALERTMANAGER.files(settings), folder=ALERTMANAGER.folder(settings))
    files = alerting_files(settings.notifier_urls) | dashboard_files(settings)
    write_files(files, folder=GRAFANA.folder(settings))
