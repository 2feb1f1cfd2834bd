"""ASGI middleware of the price service."""

from carvalue.serving.middleware.access_log import AccessLog
from carvalue.serving.middleware.authentication import AuthenticationMiddleware
from carvalue.serving.middleware.cross_origin import allow_origins
from carvalue.serving.middleware.observability import ObservabilityMiddleware
from carvalue.serving.middleware.problems import PROBLEM_HANDLERS, refusal_answer
from carvalue.serving.middleware.security_headers import ASSETS, DOCS, security_headers

__all__ = [
    "ASSETS",
    "DOCS",
    "PROBLEM_HANDLERS",
    "AccessLog",
    "AuthenticationMiddleware",
    "ObservabilityMiddleware",
    "allow_origins",
    "refusal_answer",
    "security_headers",
]
