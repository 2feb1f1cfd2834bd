"""The price model as a scikit-learn regressor. Imported on use: the price service needs no scikit-learn."""

from carvalue.pricing.estimator.listing_frames import InvalidListingFrame, as_listings
from carvalue.pricing.estimator.regressor import CarPriceRegressor
from carvalue.pricing.estimator.splitting import GroupedTimeSplit

__all__ = ["CarPriceRegressor", "GroupedTimeSplit", "InvalidListingFrame", "as_listings"]
