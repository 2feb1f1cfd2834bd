"""Errors of the client, in words that a visitor of the page understands."""

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import UNSET

from carvalue.api import Problem
from carvalue.errors import AppError

MODEL_NOT_LOADED = "urn:problem-type:carvalue:model-not-loaded"  # RFC 9457 type of that problem


class ServiceDown(AppError):
    """The service gives no usable answer."""

    status, hint = 503, "Try again in a moment."


class ApiKeyRejected(ServiceDown):
    """The service requires an API key, and the program has none or a wrong one."""

    hint = "The operator has to set SERVICE_API_KEY."


class TooBusy(ServiceDown):
    """The visitor, or the program, has sent more requests than the rate limit allows."""


class ModelNotReady(AppError):
    """The service answers, but has no model yet."""

    status, hint = 503, "Try again once a model is in production."


class ListingRejected(AppError):
    """The service does not accept the listing.

    Attributes:
        expected: What the service accepts, by field name.
    """

    status = 422

    def __init__(self, message: str, *, expected: Mapping[str, str]) -> None:
        """Create the error.

        Args:
            message: What is wrong, in a sentence.
            expected: What the service accepts, by field name.
        """
        super().__init__(message)
        self.expected = expected


def error_of(status: int, problem: Problem) -> AppError:
    """Choose the error that an error answer stands for.

    Args:
        status: The HTTP status.
        problem: The answer.

    Returns:
        The error.
    """
    if problem.type == MODEL_NOT_LOADED:
        return ModelNotReady(problem.detail)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ServiceDown(problem.detail)
    if status == HTTPStatus.UNAUTHORIZED:
        return ApiKeyRejected(problem.detail)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TooBusy("The price service receives too many requests from you or from this page.")
    if status in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND}:
        errors = () if problem.errors is UNSET else problem.errors
        return ListingRejected(problem.detail, expected={error.field: error.expected for error in errors})
    return ServiceDown(f"The price service failed: {problem.detail}")
