"""ASGI middleware of the price service."""

from carvalue.serving.middleware.access_log import AccessLog
from carvalue.serving.middleware.authentication import AuthenticationMiddleware
from carvalue.serving.middleware.cross_origin import allow_origins
from carvalue.serving.middleware.fast_path import FastPathMiddleware
from carvalue.serving.middleware.observability import ObservabilityMiddleware
from carvalue.serving.middleware.problems import install_problems, refusal_answer
from carvalue.serving.middleware.security_headers import SecurityHeaders

__all__ = [
    "AccessLog",
    "AuthenticationMiddleware",
    "FastPathMiddleware",
    "ObservabilityMiddleware",
    "SecurityHeaders",
    "allow_origins",
    "install_problems",
    "refusal_answer",
]
