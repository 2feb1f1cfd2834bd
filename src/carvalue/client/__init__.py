"""HTTP clients of the price service and the watcher, and the rating of asking prices."""

from carvalue.client.deal_rating import DealRating, rate_deal
from carvalue.client.errors import ListingRejected
from carvalue.client.inquiry import CarUnclear, PricedCar, price_text
from carvalue.client.price_service import AsyncPriceServiceClient, PriceServiceClient
from carvalue.client.support import is_supported, support_in_words
from carvalue.client.watcher import WatcherClient, WatcherUnavailable

__all__ = [
    "AsyncPriceServiceClient",
    "CarUnclear",
    "DealRating",
    "ListingRejected",
    "PriceServiceClient",
    "PricedCar",
    "WatcherClient",
    "WatcherUnavailable",
    "is_supported",
    "price_text",
    "rate_deal",
    "support_in_words",
]
