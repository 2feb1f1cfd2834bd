"""HTTP client of the price service, its answers, and the rating of asking prices."""

from carvalue.client.answers import (
    RATINGS,
    AnswerModel,
    ComparableView,
    ContributionView,
    CurvePointView,
    CurvesView,
    DistributionView,
    ExplainedQuoteView,
    MissingAnswerView,
    ModelView,
    PossibleValueView,
    QuantileView,
    QuoteView,
    RankedAskingPriceView,
    StoredQuoteView,
    TrimView,
)
from carvalue.client.deal_rating import DealRating, rate_deal
from carvalue.client.inquiry import CarUnclear, PricedCar, price_text
from carvalue.client.price_service import ListingRejected, PriceServiceClient
from carvalue.client.support import is_supported, support_in_words

__all__ = [
    "RATINGS",
    "AnswerModel",
    "CarUnclear",
    "ComparableView",
    "ContributionView",
    "CurvePointView",
    "CurvesView",
    "DealRating",
    "DistributionView",
    "ExplainedQuoteView",
    "ListingRejected",
    "MissingAnswerView",
    "ModelView",
    "PossibleValueView",
    "PriceServiceClient",
    "PricedCar",
    "QuantileView",
    "QuoteView",
    "RankedAskingPriceView",
    "StoredQuoteView",
    "TrimView",
    "is_supported",
    "price_text",
    "rate_deal",
    "support_in_words",
]
