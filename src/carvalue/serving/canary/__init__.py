"""A version that answers a share of the requests, compared with the one in production."""

from carvalue.serving.canary.canary import Canary, CanaryShare
from carvalue.serving.canary.comparison import Breach, CanaryComparison

__all__ = ["Breach", "Canary", "CanaryComparison", "CanaryShare"]
