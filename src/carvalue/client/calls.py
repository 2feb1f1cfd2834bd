"""Calls of the price service: what is sent, and the type of the answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import quote as url_quote

from carvalue.api import (
    ASKING_PRICE,
    MAX_LISTINGS,
    MAX_MODELS,
    VERSION_PREFIX,
    Curves,
    Distribution,
    ExplainedQuote,
    MissingAnswers,
    Model,
    Options,
    Quote,
    StoredFeedback,
    StoredQuote,
    StoredRating,
)
from carvalue.listings import Listing

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, kw_only=True)
class Call(Generic[AnswerT]):
    """A call of the price service.

    Attributes:
        method: The HTTP method.
        path: The path, below the version.
        answer: The type of the answer.
        params: The query.
        body: The body as a JSON value; None for none.
    """

    method: str
    path: str
    answer: type[AnswerT]
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: object = None

    @property
    def url(self) -> str:
        """The path with the version."""
        return VERSION_PREFIX + self.path


def quote(listing: Listing) -> Call[Quote]:
    """Price one listing.

    Args:
        listing: The car; absent fields are not known.

    Returns:
        The call.
    """
    return Call(method="POST", path="/predict", answer=Quote, body=dict(listing))


def quotes(listings: Iterable[Listing]) -> Iterable[Call[tuple[Quote, ...]]]:
    """Price listings, as many in a call as the service accepts.

    Args:
        listings: The cars, any number.

    Yields:
        The calls, in order.
    """
    waiting = iter(listings)
    while batch := [dict(listing) for listing in islice(waiting, MAX_LISTINGS)]:
        yield Call(method="POST", path="/predict", answer=tuple[Quote, ...], body=batch)


def explain(listing: Listing) -> Call[ExplainedQuote]:
    """Price one listing, with an explanation and similar cars.

    Args:
        listing: The car; absent fields are not known.

    Returns:
        The call.
    """
    return Call(method="POST", path="/explain", answer=ExplainedQuote, body=dict(listing))


def missing_answers(listing: Listing) -> Call[MissingAnswers]:
    """Price the car with every value of the fields that are not known; the journal does not record it.

    Args:
        listing: The car; absent fields are not known.

    Returns:
        The call.
    """
    return Call(method="POST", path="/missing", answer=MissingAnswers, body=dict(listing))


def distribution(listing: Listing, *, asking_price: int | None = None) -> Call[Distribution]:
    """Predict the distribution of the asking price; the journal does not record it.

    Args:
        listing: The car; absent fields are not known.
        asking_price: A price to rank among those of such cars, in the market's currency.

    Returns:
        The call.
    """
    params = {} if asking_price is None else {ASKING_PRICE: str(asking_price)}
    return Call(method="POST", path="/distribution", answer=Distribution, params=params, body=dict(listing))


def curves(listing: Listing, *, years: Sequence[int] = ()) -> Call[Curves]:
    """Price the car at other mileages and model years; the journal does not record it.

    Args:
        listing: The car; absent fields are not known.
        years: Model years that must be among those of the answer.

    Returns:
        The call.
    """
    return Call(
        method="POST",
        path="/curves",
        answer=Curves,
        params={"year": [*map(str, years)]},
        body=dict(listing),
    )


def options(make: str = "", *, model: str = "", limit: int = MAX_MODELS) -> Call[Options]:
    """List the options of a form.

    Args:
        make: The make whose models are listed; empty for none.
        model: The model whose trims are listed; words beside its name are ignored; empty for none.
        limit: How many models are listed at most.

    Returns:
        The call.
    """
    params = {"make": make, "model": model, "limit": str(limit)}
    return Call(method="GET", path="/options", answer=Options, params=params)


def model_in_use() -> Call[Model]:
    """Read which model is in use.

    Returns:
        The call.
    """
    return Call(method="GET", path="/model", answer=Model)


def stored_quote(quote_id: str) -> Call[StoredQuote]:
    """Read a quote that was given before.

    Args:
        quote_id: Identifies the quote.

    Returns:
        The call.
    """
    return Call(method="GET", path=_path_of(quote_id), answer=StoredQuote)


def delete_quote(quote_id: str) -> Call[None]:
    """Delete a quote with its listing, its reported sale and its rating.

    Args:
        quote_id: Identifies the quote.

    Returns:
        The call.
    """
    return Call(method="DELETE", path=_path_of(quote_id), answer=type(None))


def rate_quote(quote_id: str, rating: str) -> Call[StoredRating]:
    """Rate a quote that was given before. A later rating replaces an earlier one.

    Args:
        quote_id: Identifies the quote.
        rating: useful, too low or too high.

    Returns:
        The call.
    """
    return Call(
        method="PUT", path=f"{_path_of(quote_id)}/rating", answer=StoredRating, body={"rating": rating}
    )


def report_sale(quote_id: str, sale_price: int) -> Call[StoredFeedback]:
    """Report the price for which a quoted car was sold.

    Args:
        quote_id: Identifies the quote.
        sale_price: What was paid, in the market's currency.

    Returns:
        The call.
    """
    sale = {"quote_id": quote_id, "sale_price": sale_price}
    return Call(method="POST", path="/feedback", answer=StoredFeedback, body=sale)


def _path_of(quote_id: str) -> str:
    return f"/quotes/{url_quote(quote_id, safe='')}"
