"""HTTP clients of the price service, for threads and for event loops: time limits, retries, typed answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec
from httpx_retries import Retry, RetryTransport

from carvalue.api import (
    Curves,
    Distribution,
    ExplainedQuote,
    MissingAnswer,
    Model,
    Problem,
    Quote,
    StoredQuote,
    Trim,
)
from carvalue.client import calls
from carvalue.client.calls import Call
from carvalue.client.errors import ServiceDown, error_of
from carvalue.listings import Listing

VISITOR_HEADER = "X-Visitor"  # names the visitor for whom a request is made
TIMEOUT = httpx.Timeout(10, connect=2)  # a quote takes milliseconds; a slower service counts as down
# a connection that breaks while a replica is replaced; a quote that is stored twice has two ids
RETRY = Retry(
    total=2,
    allowed_methods=("GET", "POST", "PUT", "DELETE"),
    status_forcelist=(HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT),
    retry_on_exceptions=(httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError),
    backoff_factor=0.1,
)

AnswerT = TypeVar("AnswerT")


class PriceServiceClient:
    """HTTP client of the price service, with one connection pool.

    A request whose connection breaks is sent again, at most twice. Every method can raise `ModelNotReady`
    (the service has no model yet), `ApiKeyRejected`, `TooBusy` (rate limit reached), `ServiceDown` (no
    answer, or an unusable one) and `ListingRejected` (a field or an id cannot be used).
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
        self._url, self._visitor = url, visitor
        retrying = RetryTransport(transport or httpx.HTTPTransport(), retry=RETRY)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, transport=retrying)

    def send(self, call: Call[AnswerT]) -> AnswerT:
        """Send a call.

        Args:
            call: One of `carvalue.client.calls`.

        Returns:
            The answer.
        """
        visitor = self._visitor()
        headers = {VISITOR_HEADER: visitor} if visitor else {}
        try:
            response = self._http.request(
                call.method, call.url, params=dict(call.params), json=call.body, headers=headers
            )
        except httpx.HTTPError as error:
            raise _no_answer(self._url, error) from error
        return _read(response, call, self._url)

    def suggestions(self, make: str | None) -> Mapping[str, tuple[str, ...]]:
        """Return suggestions for the fields that accept any text.

        Args:
            make: The make whose models are suggested; None for no models.

        Returns:
            Suggestions by field name: manufacturer, model and region.
        """
        options = self.send(calls.options(make or ""))
        models = tuple(model.name for model in options.models)
        return {"manufacturer": options.makes, "model": models, "region": options.regions}

    def trims(self, make: str, model: str) -> tuple[Trim, ...]:
        """List the trims of a car model.

        Args:
            make: The make.
            model: The model; words beside its name are ignored.

        Returns:
            The most frequent trims of the training data, the most frequent first.
        """
        return self.send(calls.options(make, model=model, limit=1)).trims

    def stored_quote(self, quote_id: str) -> StoredQuote:
        """Read a quote that was given before.

        Args:
            quote_id: Identifies the quote.

        Returns:
            The quote and its car.
        """
        return self.send(calls.stored_quote(quote_id))

    def delete_quote(self, quote_id: str) -> None:
        """Delete a quote with its car, its reported sale and its rating.

        Args:
            quote_id: Identifies the quote.
        """
        self.send(calls.delete_quote(quote_id))

    def rate_quote(self, quote_id: str, rating: str) -> None:
        """Rate a quote that was given before. A later rating replaces an earlier one.

        Args:
            quote_id: Identifies the quote.
            rating: useful, too low or too high.
        """
        self.send(calls.rate_quote(quote_id, rating))

    def in_production(self) -> Model:
        """Read which model is in production.

        Returns:
            Its version and its model card.
        """
        return self.send(calls.model_in_use())

    def explain(self, listing: Listing) -> ExplainedQuote:
        """Price one listing, with an explanation and similar cars.

        Args:
            listing: The car; absent fields are not known.

        Returns:
            The quote, its explanation and similar cars.
        """
        return self.send(calls.explain(listing))

    def missing_answers(self, listing: Listing) -> tuple[MissingAnswer, ...]:
        """Price the car with every value of the fields that are not known; the journal does not record it.

        Args:
            listing: The car; absent fields are not known.

        Returns:
            The absent fields, the one that narrows the price range most first.
        """
        return self.send(calls.missing_answers(listing)).missing

    def distribution(self, listing: Listing, *, asking_price: int | None = None) -> Distribution:
        """Predict the distribution of the asking price; the journal does not record it.

        Args:
            listing: The car; absent fields are not known.
            asking_price: A price to rank among those of such cars, in the market's currency.

        Returns:
            Quantiles, and the rank of the asking price.
        """
        return self.send(calls.distribution(listing, asking_price=asking_price))

    def curves(self, listing: Listing, *, years: Sequence[int] = ()) -> Curves:
        """Price the car at other mileages and model years; the journal does not record it.

        Args:
            listing: The car; absent fields are not known.
            years: Model years that must be among those of the answer.

        Returns:
            Prices over the mileage and over the model year.
        """
        return self.send(calls.curves(listing, years=years))

    def quotes(self, listings: Iterable[Listing]) -> tuple[Quote, ...]:
        """Price any number of listings, with one request for 1,000.

        Args:
            listings: The cars. If one cannot be priced, none is; `quote` finds out which.

        Returns:
            A quote for each listing, in order.
        """
        return tuple(quote for call in calls.quotes(listings) for quote in self.send(call))

    def quote(self, listing: Listing) -> Quote:
        """Price one listing.

        Args:
            listing: The car; absent fields are not known.

        Returns:
            The quote.
        """
        return self.send(calls.quote(listing))

    def report_sale(self, quote_id: str, sale_price: int) -> None:
        """Report the price for which a quoted car was sold.

        Args:
            quote_id: Identifies the quote.
            sale_price: What was paid, in the market's currency.
        """
        self.send(calls.report_sale(quote_id, sale_price))


class AsyncPriceServiceClient:
    """HTTP client of the price service for event loops. It raises what `PriceServiceClient` raises.

    Examples:
        >>> from carvalue.client import calls
        >>> async def price(listing):
        ...     async with AsyncPriceServiceClient("http://localhost:9696") as client:
        ...         return await client.send(calls.quote(listing))
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Create the connection pool; nothing is sent yet.

        Args:
            url: Base URL of the service.
            headers: Sent with every request, such as the API key.
            transport: Replaces the network in tests.
        """
        self._url = url
        retrying = RetryTransport(transport or httpx.AsyncHTTPTransport(), retry=RETRY)
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, transport=retrying)

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[AnswerT]) -> AnswerT:
        """Send a call.

        Args:
            call: One of `carvalue.client.calls`.

        Returns:
            The answer.
        """
        try:
            response = await self._http.request(
                call.method, call.url, params=dict(call.params), json=call.body
            )
        except httpx.HTTPError as error:
            raise _no_answer(self._url, error) from error
        return _read(response, call, self._url)

    async def quotes(self, listings: Iterable[Listing]) -> tuple[Quote, ...]:
        """Price any number of listings, with one request for 1,000.

        Args:
            listings: The cars. If one cannot be priced, none is.

        Returns:
            A quote for each listing, in order.
        """
        return tuple([quote for call in calls.quotes(listings) for quote in await self.send(call)])


def _no_answer(url: str, error: httpx.HTTPError) -> ServiceDown:
    return ServiceDown(f"The price service at {url} does not answer ({type(error).__name__}).")


def _read(response: httpx.Response, call: Call[AnswerT], url: str) -> AnswerT:
    try:
        if response.is_success:
            return msgspec.json.decode(response.content or b"null", type=call.answer)
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.MsgspecError as error:
        raise ServiceDown(f"What answers at {url} is not the price service.") from error
    raise error_of(response.status_code, problem)
