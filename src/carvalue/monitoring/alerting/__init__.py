"""Store alerts and deliver them to their receivers."""

from carvalue.monitoring.alerting.notifiers import (
    SMTPS_PORT,
    BadAlertUrl,
    MailServer,
    notifiers_from_urls,
    parse_mail_url,
)
from carvalue.monitoring.alerting.store import Alert, AlertStore, DeliveryFailed, Notifier

__all__ = [
    "SMTPS_PORT",
    "Alert",
    "AlertStore",
    "BadAlertUrl",
    "DeliveryFailed",
    "MailServer",
    "Notifier",
    "notifiers_from_urls",
    "parse_mail_url",
]
