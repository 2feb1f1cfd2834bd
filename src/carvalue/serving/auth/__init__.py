"""API keys and rate limits."""

from carvalue.serving.auth.api_keys import MAX_CLIENT_NAME, KeyFile
from carvalue.serving.auth.key_store import KeyStore, load_key_store
from carvalue.serving.auth.limits import rate_limiter
from carvalue.serving.auth.pseudonyms import ClientPseudonyms
from carvalue.serving.auth.rate_limits import (
    RateLimiter,
    RateLimits,
    TooManyRequests,
    caller_address,
)
from carvalue.serving.auth.visitors import named_visitor

__all__ = [
    "MAX_CLIENT_NAME",
    "ClientPseudonyms",
    "KeyFile",
    "KeyStore",
    "RateLimiter",
    "RateLimits",
    "TooManyRequests",
    "caller_address",
    "load_key_store",
    "named_visitor",
    "rate_limiter",
]
