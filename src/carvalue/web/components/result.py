"""Shows a quote: price range, most likely price, warnings, and the rating of an asking price."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from carvalue.listings import Listing
from carvalue.web.client import ExplainedQuoteView, ModelView, QuoteView
from carvalue.web.components.deal_rating import rate_deal
from carvalue.web.components.formatting import (
    car_name,
    escape_markdown,
    format_date,
    format_dollars,
    source_name,
)
from carvalue.web.components.number_entry import dollars_input

NARROW, WIDE = 0.5, 1.0  # width of the price range as a share of the price


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """A quote and the car that it is for; the form may have changed since.

    Attributes:
        listing: The car as it was entered.
        explained: The quote with its explanation.
    """

    listing: Listing
    explained: ExplainedQuoteView


@dataclass(frozen=True, kw_only=True)
class RejectedListing:
    """A listing that the service did not accept.

    Attributes:
        listing: The car as it was entered.
        expected: What the service accepts, by field name.
    """

    listing: Listing
    expected: Mapping[str, str]

    def still_wrong(self, entered: Listing) -> Mapping[str, str]:
        """Find the rejected fields that still have the same value.

        Args:
            entered: What the form holds now.

        Returns:
            What the service accepts, by field name.

        Examples:
            >>> expected = {"year": "a whole number", "model": "a text"}
            >>> rejected = RejectedListing(listing={"year": 1899}, expected=expected)
            >>> rejected.still_wrong({"year": 2015})
            {'model': 'a text'}
        """
        return {
            name: text for name, text in self.expected.items() if entered.get(name) == self.listing.get(name)
        }


def show_valuation(valuation: Valuation, *, entered: Listing, model: ModelView | None) -> None:
    """Show a quote.

    Args:
        valuation: The quote and its car.
        entered: What the form holds now.
        model: The model in production; None if it cannot be read.
    """
    quote = valuation.explained.quote
    with st.container(border=True):
        st.caption(escape_markdown(car_name(valuation.listing)))
        st.markdown(f"## {format_dollars(quote.low)} \N{EN DASH} {format_dollars(quote.high)}")
        st.markdown(f"Most likely asking price: **{format_dollars(quote.price)}** · {_range_meaning(quote)}")
        if entered != valuation.listing:
            st.info(
                "You changed the form since. Press the button to get the new price.", icon=":material/sync:"
            )
        if quote.warnings:
            st.warning(
                "\n".join(
                    f"- {escape_markdown(warning[:1].upper() + warning[1:])}" for warning in quote.warnings
                )
            )
        st.caption(_sources(quote, model))


def show_deal_rating(quote: QuoteView) -> None:
    """Show a field for an asking price, and the rating of the price that is entered.

    Args:
        quote: The quote that the price is compared with.
    """
    asking = dollars_input(
        "Is this asking price fair? (\\$)",
        maximum=1_000_000,
        placeholder="What the seller asks for",
        key="asking",
        bind=True,
    )
    if asking is None:
        return
    rating = rate_deal(asking, price=quote.price, low=quote.low, high=quote.high)
    difference = asking - quote.price
    side = "above" if difference > 0 else "below"
    compared = f"{format_dollars(asking)} is {format_dollars(abs(difference))} {side} the most likely price."
    st.markdown(f"### :{rating.color}[{rating.label}]")
    st.markdown(f"{rating.meaning} {compared}" if difference else rating.meaning)


def _range_meaning(quote: QuoteView) -> str:
    width = (quote.high - quote.low) / quote.price
    certainty = "narrow" if width < NARROW else "wide" if width < WIDE else "very wide"
    return f"{certainty} price range: nine in ten such cars are offered within it"


def _sources(quote: QuoteView, model: ModelView | None) -> str:
    parts = [
        f"Prices as of {format_date(quote.data_as_of)}",
        f"model version {escape_markdown(quote.model_version)}",
    ]
    if model is not None:
        parts.append(f"trained on {escape_markdown(source_name(model.card.data_source))}")
    return " · ".join([*parts, f"quote {quote.quote_id}"])
