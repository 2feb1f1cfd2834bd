"""The price service as the page sees it: HTTP with time limits, failures as words for people."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from carvalue.errors import AppError
from carvalue.listings.schema import Listing

CONNECT_S, ANSWER_S = 2.0, 10.0  # a quote takes milliseconds; past this the service is as good as down
MODELS_OFFERED = 500  # a select of thousands of options crawls; any other model can be typed


class ServiceDown(AppError):
    """The service gives no usable answer."""

    status, hint = 503, "What you typed is kept; try again in a moment."


class NotReady(AppError):
    """The service answers, but has no model yet."""

    status, hint = 503, "What you typed is kept; try again once a model is in production."


class Refused(AppError):
    """The service does not accept the listing; `expected` says what it wants, by field name."""

    status = 422

    def __init__(self, message: str, *, expected: Mapping[str, str]) -> None:
        super().__init__(message)
        self.expected = expected


class Answer(BaseModel):
    """What the service answers; fields that the page does not speak of are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Quoted(Answer):
    """A quote."""

    price: int
    low: int
    high: int
    model_version: str
    data_as_of: str
    warnings: tuple[str, ...]
    quote_id: str


class Offers(Answer):
    """Makes, regions, and the models of the make that was asked for."""

    makes: tuple[str, ...]
    models: tuple[str, ...]
    regions: tuple[str, ...]


class Card(Answer):
    """The part of the model's card that the page shows."""

    data_source: str = "unknown"


class InProduction(Answer):
    """The model in use."""

    version: str
    card: Card


class FieldProblem(Answer):
    """One field that cannot be used."""

    field: str
    expected: str


class Problem(Answer):
    """Why the service did not do what it was asked."""

    detail: str
    errors: tuple[FieldProblem, ...] = ()


AnswerT = TypeVar("AnswerT", bound=Answer)


class PriceService:
    """One connection pool to one service.

    Every method raises:
        NotReady: the service has no model yet.
        ServiceDown: no answer, or none that makes sense.
    """

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport)

    def offers(self, make: str | None) -> Mapping[str, tuple[str, ...]]:
        """Suggest words for the fields that take any text, by field name; models are those of `make`."""
        query = {"make": make or "", "limit": str(MODELS_OFFERED)}
        offers = self._get("/options", query, Offers)
        return {"manufacturer": offers.makes, "model": offers.models, "region": offers.regions}

    def in_production(self) -> InProduction:
        """Tell which model is in use."""
        return self._get("/model", {}, InProduction)

    def quote(self, listing: Listing) -> Quoted:
        """Price one listing.

        Raises:
            Refused: a field cannot be used.
        """
        return self._read(self._http.build_request("POST", "/predict", json=dict(listing)), Quoted)

    def _get(self, path: str, query: Mapping[str, str], shape: type[AnswerT]) -> AnswerT:
        return self._read(self._http.build_request("GET", path, params=dict(query)), shape)

    def _read(self, request: httpx.Request, shape: type[AnswerT]) -> AnswerT:
        try:
            response = self._http.send(request)
            if response.is_success:
                return shape.model_validate_json(response.content)
            problem = Problem.model_validate_json(response.content)
        except httpx.HTTPError as error:
            reason = type(error).__name__
            raise ServiceDown(f"The price service at {self._url} does not answer ({reason}).") from error
        except ValidationError as error:
            raise ServiceDown(f"What answers at {self._url} is not the price service.") from error
        raise _failure(response.status_code, problem)


def _failure(status: int, problem: Problem) -> AppError:
    if status == NotReady.status:
        return NotReady(problem.detail)
    if status == Refused.status:
        return Refused(problem.detail, expected={error.field: error.expected for error in problem.errors})
    return ServiceDown(f"The price service failed: {problem.detail}")
