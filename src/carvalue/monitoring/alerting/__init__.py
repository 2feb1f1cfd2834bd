"""Store alerts and deliver them to their receivers."""

from carvalue.monitoring.alerting.notifiers import notifiers_from_urls
from carvalue.monitoring.alerting.store import Alert, AlertStore

__all__ = ["Alert", "AlertStore", "notifiers_from_urls"]
