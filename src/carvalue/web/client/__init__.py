"""HTTP clients of the price service and the watcher."""

from carvalue.web.client.answers import ComparableView, ExplainedQuoteView, ModelView, QuoteView
from carvalue.web.client.connections import price_service_client, watcher_client
from carvalue.web.client.price_service import ListingRejected, PriceServiceClient
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
    "ComparableView",
    "DecisionView",
    "DriftView",
    "ExplainedQuoteView",
    "FeatureDriftView",
    "ListingRejected",
    "LiveAccuracyView",
    "ModelView",
    "PriceServiceClient",
    "QuoteView",
    "RetrainingView",
    "WatcherClient",
    "price_service_client",
    "watcher_client",
]
