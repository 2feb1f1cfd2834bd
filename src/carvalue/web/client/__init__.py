"""HTTP clients of the price service and the watcher."""

from carvalue.client import (
    ComparableView,
    ContributionView,
    CurvePointView,
    CurvesView,
    ExplainedQuoteView,
    ListingRejected,
    MissingAnswerView,
    ModelView,
    PossibleValueView,
    PriceServiceClient,
    QuoteView,
    StoredQuoteView,
    TrimView,
)
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
    "ComparableView",
    "ContributionView",
    "CurvePointView",
    "CurvesView",
    "DecisionView",
    "DriftView",
    "ExplainedQuoteView",
    "FeatureDriftView",
    "ListingRejected",
    "LiveAccuracyView",
    "MissingAnswerView",
    "ModelView",
    "PossibleValueView",
    "PriceServiceClient",
    "QuoteView",
    "RetrainingView",
    "StoredQuoteView",
    "TrimView",
    "WatcherClient",
    "current_visitor",
    "price_service_client",
    "watcher_client",
]
