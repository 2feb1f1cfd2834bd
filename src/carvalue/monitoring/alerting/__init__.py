"""Store alerts and deliver them: to Alertmanager, or to their receivers through apprise."""

from carvalue.monitoring.alerting.alertmanager import Alertmanager
from carvalue.monitoring.alerting.notifiers import notifiers_from_urls
from carvalue.monitoring.alerting.receivers import (
    SMTPS_PORT,
    BadAlertUrl,
    JsonHook,
    MailServer,
    NativeReceiver,
    PagerDutyService,
    Receiver,
    SlackHook,
    receivers_from_urls,
)
from carvalue.monitoring.alerting.store import Alert, AlertStore, DeliveryFailed, Notifier

__all__ = [
    "SMTPS_PORT",
    "Alert",
    "AlertStore",
    "Alertmanager",
    "BadAlertUrl",
    "DeliveryFailed",
    "JsonHook",
    "MailServer",
    "NativeReceiver",
    "Notifier",
    "PagerDutyService",
    "Receiver",
    "SlackHook",
    "notifiers_from_urls",
    "receivers_from_urls",
]
