"""HTTP clients of the price service and the watcher."""

from carvalue.client import ListingRejected, PriceServiceClient
from carvalue.web.client.connections import price_service_client, watcher_client
from carvalue.web.client.incidents import (
    AlertView,
    ChangeView,
    IncidentRecordView,
    IncidentView,
    PeriodView,
    SampleView,
)
from carvalue.web.client.tracing import page_tracer
from carvalue.web.client.visitor import current_visitor
from carvalue.web.client.watcher import (
    AlertsView,
    DecisionView,
    DriftView,
    FeatureDriftView,
    LiveAccuracyView,
    RetrainingView,
    WatcherClient,
)

__all__ = [
    "AlertView",
    "AlertsView",
    "ChangeView",
    "DecisionView",
    "DriftView",
    "FeatureDriftView",
    "IncidentRecordView",
    "IncidentView",
    "ListingRejected",
    "LiveAccuracyView",
    "PeriodView",
    "PriceServiceClient",
    "RetrainingView",
    "SampleView",
    "WatcherClient",
    "current_visitor",
    "page_tracer",
    "price_service_client",
    "watcher_client",
]
