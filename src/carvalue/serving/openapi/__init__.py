"""OpenAPI descriptions of the routes."""

from carvalue.serving.openapi.batch import batch_operation
from carvalue.serving.openapi.components import problem_response, rejections
from carvalue.serving.openapi.explain import (
    curves_operation,
    delete_quote_operation,
    distribution_operation,
    explain_operation,
    missing_operation,
    rating_operation,
    stored_quote_operation,
)
from carvalue.serving.openapi.predict import (
    DESCRIPTION,
    KEY,
    TITLE,
    feedback_operation,
    predict_operation,
)
from carvalue.serving.openapi.reading import (
    health_operation,
    metrics_operation,
    model_operation,
    options_operation,
    ready_operation,
)
from carvalue.serving.openapi.schemas import describe_schemas

__all__ = [
    "DESCRIPTION",
    "KEY",
    "TITLE",
    "batch_operation",
    "curves_operation",
    "delete_quote_operation",
    "describe_schemas",
    "distribution_operation",
    "explain_operation",
    "feedback_operation",
    "health_operation",
    "metrics_operation",
    "missing_operation",
    "model_operation",
    "options_operation",
    "predict_operation",
    "problem_response",
    "rating_operation",
    "ready_operation",
    "rejections",
    "stored_quote_operation",
]
