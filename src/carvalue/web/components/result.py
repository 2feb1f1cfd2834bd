"""What the page shows of a quote: the range first, how it came about, what it does not know."""

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
from carvalue.web.components.numbers import dollars_input

CLEAR, SCATTERED = 0.5, 1.0  # of the price


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """What was answered, and the car that it is for: the form may have changed since."""

    listing: Listing
    explained: ExplainedQuoteView


@dataclass(frozen=True, kw_only=True)
class RejectedListing:
    """A listing that the service refused, and what it expects, by field name."""

    listing: Listing
    expected: Mapping[str, str]

    def still_wrong(self, entered: Listing) -> Mapping[str, str]:
        """Leave out the fields that were changed since."""
        same = {name for name in self.expected if entered.get(name) == self.listing.get(name)}
        return {name: text for name, text in self.expected.items() if name in same}


def show_valuation(valuation: Valuation, *, entered: Listing, model: ModelView | None) -> None:
    """Show the range, the price, the warnings and the ground that they stand on."""
    quote = valuation.explained.quote
    with st.container(border=True):
        st.caption(escape_markdown(car_name(valuation.listing)))
        st.markdown(f"## {format_dollars(quote.low)} \N{EN DASH} {format_dollars(quote.high)}")
        st.markdown(f"Most likely asking price: **{format_dollars(quote.price)}** · {_how_sure(quote)}")
        if entered != valuation.listing:
            st.info("You changed the form since. Press the button for the new price.", icon=":material/sync:")
        if quote.warnings:
            st.warning(
                "\n".join(
                    f"- {escape_markdown(warning[:1].upper() + warning[1:])}" for warning in quote.warnings
                )
            )
        st.caption(_ground(quote, model))


def show_deal_rating(quote: QuoteView) -> None:
    """Ask for an asking price, and say whether it is fair."""
    asking = dollars_input(
        "Is this asking price fair? (\\$)",
        maximum=1_000_000,
        placeholder="What the seller asks for",
        key="asking",
        bind=True,
    )
    if asking is None:
        return
    found = rate_deal(asking, price=quote.price, low=quote.low, high=quote.high)
    away = asking - quote.price
    beside = f"{format_dollars(abs(away))} {'above' if away > 0 else 'below'} the most likely price"
    st.markdown(f"### :{found.color}[{found.word}]")
    st.markdown(f"{found.meaning} {format_dollars(asking)} is {beside}." if away else found.meaning)


def _how_sure(quote: QuoteView) -> str:
    """Say how wide the range is: nine in ten such cars are offered within it."""
    width = (quote.high - quote.low) / quote.price
    sure = "a clear market" if width < CLEAR else "prices scatter" if width < SCATTERED else "hard to tell"
    return f"{sure}: nine in ten such cars are offered within this range"


def _ground(quote: QuoteView, model: ModelView | None) -> str:
    parts = [
        f"Prices as of {format_date(quote.data_as_of)}",
        f"model version {escape_markdown(quote.model_version)}",
    ]
    if model is not None:
        parts.append(f"learned from {escape_markdown(source_name(model.card.data_source))}")
    return " · ".join([*parts, f"quote {quote.quote_id}"])
