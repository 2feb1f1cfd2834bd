"""Store alerts and deliver them: to Alertmanager, or to their receivers through apprise."""

from carvalue.monitoring.alerting.alert import Alert
from carvalue.monitoring.alerting.alertmanager import Alertmanager
from carvalue.monitoring.alerting.incident_records import IncidentRecord, IncidentRecords, UnknownIncident
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
from carvalue.monitoring.alerting.store import AlertStore, DeliveryFailed, Notifier

__all__ = [
    "SMTPS_PORT",
    "Alert",
    "AlertStore",
    "Alertmanager",
    "BadAlertUrl",
    "DeliveryFailed",
    "IncidentRecord",
    "IncidentRecords",
    "JsonHook",
    "MailServer",
    "NativeReceiver",
    "Notifier",
    "PagerDutyService",
    "Receiver",
    "SlackHook",
    "UnknownIncident",
    "notifiers_from_urls",
    "receivers_from_urls",
]
