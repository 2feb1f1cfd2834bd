"""HTTP client of the price service, its answers, and the rating of asking prices."""

from carvalue.client.answers import (
    AnswerModel,
    ComparableView,
    CurvePointView,
    CurvesView,
    ExplainedQuoteView,
    ModelView,
    QuoteView,
    StoredQuoteView,
    TrimView,
)
from carvalue.client.deal_rating import DealRating, rate_deal
from carvalue.client.inquiry import CarUnclear, PricedCar, price_text
from carvalue.client.price_service import ListingRejected, PriceServiceClient
from carvalue.client.support import is_supported, support_in_words

__all__ = [
    "AnswerModel",
    "CarUnclear",
    "ComparableView",
    "CurvePointView",
    "CurvesView",
    "DealRating",
    "ExplainedQuoteView",
    "ListingRejected",
    "ModelView",
    "PriceServiceClient",
    "PricedCar",
    "QuoteView",
    "StoredQuoteView",
    "TrimView",
    "is_supported",
    "price_text",
    "rate_deal",
    "support_in_words",
]
