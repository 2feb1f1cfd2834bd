"""HTTP clients of the price service and the watcher."""

from carvalue.client import ListingRejected, PriceServiceClient
from carvalue.web.client.connections import price_service_client, watcher_client
from carvalue.web.client.visitor import current_visitor
from carvalue.web.client.watcher import (
    AlertsView,
    AlertView,
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
    "DecisionView",
    "DriftView",
    "FeatureDriftView",
    "ListingRejected",
    "LiveAccuracyView",
    "PriceServiceClient",
    "RetrainingView",
    "WatcherClient",
    "current_visitor",
    "price_service_client",
    "watcher_client",
]
