"""The price service as the page sees it: HTTP with time limits, failures as words for people."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.listings import Listing
from carvalue.web.client.answers import (
    AnswerModel,
    CurvesView,
    ExplainedQuoteView,
    ModelView,
    OptionsView,
    ProblemView,
    QuoteView,
)

CONNECT_S, ANSWER_S = 2.0, 10.0  # a quote takes milliseconds; past this the service is as good as down
UNAUTHORIZED, NOT_FOUND, TOO_MANY, UNAVAILABLE = 401, 404, 429, 503
MODEL_NOT_LOADED = "urn:problem-type:carvalue:model-not-loaded"  # RFC 9457 type of that problem
MODELS_OFFERED = 500  # a select of thousands of options crawls; any other model can be typed


class ServiceDown(AppError):
    """The service gives no usable answer."""

    status, hint = 503, "What you typed is kept; try again in a moment."


class ApiKeyRejected(ServiceDown):
    """The service asks for a key, or for another one than the page has."""

    hint = "What you typed is kept; whoever runs this page sets SERVICE_API_KEY."


class TooBusy(ServiceDown):
    """The page asks for more than the service gives to one client."""


class ModelNotReady(AppError):
    """The service answers, but has no model yet."""

    status, hint = 503, "What you typed is kept; try again once a model is in production."


class ListingRejected(AppError):
    """The service does not accept the listing; `expected` says what it wants, by field name."""

    status = 422

    def __init__(self, message: str, *, expected: Mapping[str, str]) -> None:
        super().__init__(message)
        self.expected = expected


AnswerT = TypeVar("AnswerT")
QUOTES = TypeAdapter(tuple[QuoteView, ...])


class PriceServiceClient:
    """One connection pool to one service.

    Every method raises:
        ModelNotReady: the service has no model yet.
        ServiceDown: no answer, or none that makes sense; KeyNotAccepted: none for this page.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        self._url = url
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)

    def offers(self, make: str | None) -> Mapping[str, tuple[str, ...]]:
        """Suggest words for the fields that take any text, by field name; models are those of `make`."""
        query = {"make": make or "", "limit": str(MODELS_OFFERED)}
        offers = self._get("/options", query, OptionsView)
        models = tuple(model.name for model in offers.models)
        return {"manufacturer": offers.makes, "model": models, "region": offers.regions}

    def in_production(self) -> ModelView:
        """Tell which model is in use."""
        return self._get("/model", {}, ModelView)

    def explain(self, listing: Listing) -> ExplainedQuoteView:
        """Price one listing, with the reasons and with similar cars.

        Raises:
            ListingRejected: a field cannot be used.
        """
        return self._read(
            self._http.build_request("POST", "/explain", json=dict(listing)), ExplainedQuoteView
        )

    def curves(self, listing: Listing) -> CurvesView:
        """Price the car at other miles and of other years; nobody's quote.

        Raises:
            ListingRejected: a field cannot be used.
        """
        return self._read(self._http.build_request("POST", "/curves", json=dict(listing)), CurvesView)

    def quotes(self, listings: Sequence[Listing]) -> tuple[QuoteView, ...]:
        """Price listings, in order.

        Raises:
            ListingRejected: at least one cannot be priced; `quote` tells which.
        """
        request = self._http.build_request("POST", "/predict", json=[dict(item) for item in listings])
        return self._read(request, QUOTES)

    def quote(self, listing: Listing) -> QuoteView:
        """Price one listing.

        Raises:
            ListingRejected: a field cannot be used.
        """
        return self._read(self._http.build_request("POST", "/predict", json=dict(listing)), QuoteView)

    def report_sale(self, quote_id: str, sale_price: int) -> None:
        """Tell what a quoted car was sold for.

        Raises:
            ListingRejected: there is no such quote, or it is no price.
        """
        told = {"quote_id": quote_id, "sale_price": sale_price}
        self._read(self._http.build_request("POST", "/feedback", json=told), AnswerModel)

    def _get(self, path: str, query: Mapping[str, str], shape: type[AnswerT]) -> AnswerT:
        return self._read(self._http.build_request("GET", path, params=dict(query)), shape)

    def _read(self, request: httpx.Request, shape: type[AnswerT] | TypeAdapter[AnswerT]) -> AnswerT:
        adapter = shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)
        try:
            response = self._http.send(request)
            if response.is_success:
                return adapter.validate_json(response.content)
            problem = ProblemView.model_validate_json(response.content)
        except httpx.HTTPError as error:
            reason = type(error).__name__
            raise ServiceDown(f"The price service at {self._url} does not answer ({reason}).") from error
        except ValidationError as error:
            raise ServiceDown(f"What answers at {self._url} is not the price service.") from error
        raise _failure(response.status_code, problem)


def _failure(status: int, problem: ProblemView) -> AppError:
    if problem.type == MODEL_NOT_LOADED:
        return ModelNotReady(problem.detail)
    if status == UNAVAILABLE:
        return ServiceDown(problem.detail)
    if status == UNAUTHORIZED:
        return ApiKeyRejected(problem.detail)
    if status == TOO_MANY:
        return TooBusy("The price service is asked for more than it gives to one client.")
    if status in {ListingRejected.status, NOT_FOUND}:
        return ListingRejected(
            problem.detail, expected={error.field: error.expected for error in problem.errors}
        )
    return ServiceDown(f"The price service failed: {problem.detail}")
