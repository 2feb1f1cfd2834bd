"""HTTP client of the price service: time limits, and errors that a visitor understands."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from carvalue.client.answers import (
    AnswerModel,
    CurvesView,
    DistributionView,
    ExplainedQuoteView,
    MissingAnswersView,
    MissingAnswerView,
    ModelView,
    OptionsView,
    ProblemView,
    QuoteView,
    StoredQuoteView,
    TrimView,
)
from carvalue.errors import AppError
from carvalue.listings import Listing

VISITOR_HEADER = "X-Visitor"  # names the visitor for whom a request is made
CONNECT_S, ANSWER_S = 2.0, 10.0  # a quote takes milliseconds; a slower service counts as down
UNAUTHORIZED, NOT_FOUND, TOO_MANY, UNAVAILABLE = 401, 404, 429, 503
MODEL_NOT_LOADED = "urn:problem-type:carvalue:model-not-loaded"  # RFC 9457 type of that problem
MAX_SUGGESTED_MODELS = 500  # a longer select box is slow; other models can be typed


class ServiceDown(AppError):
    """The service gives no usable answer."""

    status, hint = 503, "Your entries are kept. Try again in a moment."


class ApiKeyRejected(ServiceDown):
    """The service requires an API key, and the page has none or a wrong one."""

    hint = "Your entries are kept. The operator of this page has to set SERVICE_API_KEY."


class TooBusy(ServiceDown):
    """The visitor, or the page, has sent more requests than the rate limit allows."""


class ModelNotReady(AppError):
    """The service answers, but has no model yet."""

    status, hint = 503, "Your entries are kept. Try again once a model is in production."


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


AnswerT = TypeVar("AnswerT")
QUOTES = TypeAdapter(tuple[QuoteView, ...])
NOTHING: TypeAdapter[None] = TypeAdapter(None)


class PriceServiceClient:
    """HTTP client of the price service, with one connection pool.

    Every method can raise `ModelNotReady` (the service has no model yet), `ApiKeyRejected`, `TooBusy` (rate
    limit reached) and `ServiceDown` (no answer, or an unusable one).
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        visitor: Callable[[], str | None] = lambda: None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Create the connection pool; nothing is sent yet.

        Args:
            url: Base URL of the service.
            headers: Sent with every request, such as the API key.
            visitor: Returns the address of the visitor for whom a request is made; None if it is not known.
            transport: Replaces the network in tests.
        """
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        self._url = url
        self._visitor = visitor
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)

    def suggestions(self, make: str | None) -> Mapping[str, tuple[str, ...]]:
        """Return suggestions for the fields that accept any text.

        Args:
            make: The make whose models are suggested; None for no models.

        Returns:
            Suggestions by field name: manufacturer, model and region.
        """
        query = {"make": make or "", "limit": str(MAX_SUGGESTED_MODELS)}
        options = self._get("/options", query, OptionsView)
        models = tuple(model.name for model in options.models)
        return {"manufacturer": options.makes, "model": models, "region": options.regions}

    def trims(self, make: str, model: str) -> tuple[TrimView, ...]:
        """List the trims of a car model.

        Args:
            make: The make.
            model: The model; words beside its name are ignored.

        Returns:
            The most frequent trims of the training data, the most frequent first.
        """
        return self._get("/options", {"make": make, "model": model, "limit": "1"}, OptionsView).trims

    def stored_quote(self, quote_id: str) -> StoredQuoteView:
        """Read a quote that was given before.

        Args:
            quote_id: Identifies the quote.

        Returns:
            The quote and its car.

        Raises:
            ListingRejected: There is no such quote.
        """
        return self._get(f"/quotes/{quote(quote_id, safe='')}", {}, StoredQuoteView)

    def delete_quote(self, quote_id: str) -> None:
        """Delete a quote with its car, its reported sale and its rating.

        Args:
            quote_id: Identifies the quote.

        Raises:
            ListingRejected: There is no such quote.
        """
        request = self._http.build_request("DELETE", f"/quotes/{quote(quote_id, safe='')}")
        self._read(request, NOTHING)

    def rate_quote(self, quote_id: str, rating: str) -> None:
        """Rate a quote that was given before. A later rating replaces an earlier one.

        Args:
            quote_id: Identifies the quote.
            rating: useful, too low or too high.

        Raises:
            ListingRejected: There is no such quote, or no such rating.
        """
        path = f"/quotes/{quote(quote_id, safe='')}/rating"
        self._read(self._http.build_request("PUT", path, json={"rating": rating}), AnswerModel)

    def in_production(self) -> ModelView:
        """Read which model is in production.

        Returns:
            Its version and its model card.
        """
        return self._get("/model", {}, ModelView)

    def explain(self, listing: Listing) -> ExplainedQuoteView:
        """Price one listing, with an explanation and similar cars.

        Args:
            listing: The car; absent fields are not known.

        Returns:
            The quote, its explanation and similar cars.

        Raises:
            ListingRejected: A field cannot be used.
        """
        return self._read(
            self._http.build_request("POST", "/explain", json=dict(listing)), ExplainedQuoteView
        )

    def missing_answers(self, listing: Listing) -> tuple[MissingAnswerView, ...]:
        """Price the car with every value of the fields that are not known; the journal does not record it.

        Args:
            listing: The car; absent fields are not known.

        Returns:
            The absent fields, the one that narrows the price range most first.

        Raises:
            ListingRejected: A field cannot be used.
        """
        request = self._http.build_request("POST", "/missing", json=dict(listing))
        return self._read(request, MissingAnswersView).missing

    def distribution(self, listing: Listing, *, asking_price: int | None = None) -> DistributionView:
        """Predict the distribution of the asking price; the journal does not record it.

        Args:
            listing: The car; absent fields are not known.
            asking_price: A price to rank among those of such cars, in dollars.

        Returns:
            Quantiles, and the rank of the asking price.

        Raises:
            ListingRejected: A field or the asking price cannot be used.
        """
        params = {} if asking_price is None else {"asking_price": asking_price}
        request = self._http.build_request("POST", "/distribution", json=dict(listing), params=params)
        return self._read(request, DistributionView)

    def curves(self, listing: Listing, *, years: Sequence[int] = ()) -> CurvesView:
        """Price the car at other mileages and model years; the journal does not record it.

        Args:
            listing: The car; absent fields are not known.
            years: Model years that must be among those of the answer.

        Returns:
            Prices over the mileage and over the model year.

        Raises:
            ListingRejected: A field cannot be used.
        """
        request = self._http.build_request(
            "POST", "/curves", json=dict(listing), params={"year": [*map(str, years)]}
        )
        return self._read(request, CurvesView)

    def quotes(self, listings: Sequence[Listing]) -> tuple[QuoteView, ...]:
        """Price listings in one request.

        Args:
            listings: The cars, at most 1,000.

        Returns:
            A quote for each listing, in order.

        Raises:
            ListingRejected: At least one listing cannot be priced; `quote` finds out which.
        """
        request = self._http.build_request("POST", "/predict", json=[dict(item) for item in listings])
        return self._read(request, QUOTES)

    def quote(self, listing: Listing) -> QuoteView:
        """Price one listing.

        Args:
            listing: The car; absent fields are not known.

        Returns:
            The quote.

        Raises:
            ListingRejected: A field cannot be used.
        """
        return self._read(self._http.build_request("POST", "/predict", json=dict(listing)), QuoteView)

    def report_sale(self, quote_id: str, sale_price: int) -> None:
        """Report the price for which a quoted car was sold.

        Args:
            quote_id: Identifies the quote.
            sale_price: What was paid, in dollars.

        Raises:
            ListingRejected: There is no such quote, or the sale price is out of range.
        """
        sale = {"quote_id": quote_id, "sale_price": sale_price}
        self._read(self._http.build_request("POST", "/feedback", json=sale), AnswerModel)

    def _get(self, path: str, query: Mapping[str, str], shape: type[AnswerT]) -> AnswerT:
        return self._read(self._http.build_request("GET", path, params=dict(query)), shape)

    def _read(self, request: httpx.Request, shape: type[AnswerT] | TypeAdapter[AnswerT]) -> AnswerT:
        adapter = shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)
        if visitor := self._visitor():
            request.headers[VISITOR_HEADER] = visitor
        try:
            response = self._http.send(request)
            if response.is_success:
                return adapter.validate_json(response.content or b"null")
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
        return TooBusy("The price service receives too many requests from you or from this page.")
    if status in {ListingRejected.status, NOT_FOUND}:
        return ListingRejected(
            problem.detail, expected={error.field: error.expected for error in problem.errors}
        )
    return ServiceDown(f"The price service failed: {problem.detail}")
