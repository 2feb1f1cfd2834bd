"""What the page shows of a quote: the range first, how it came about, what it does not know."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from carvalue.listings.schema import Listing
from carvalue.web.client import InProduction, Quoted
from carvalue.web.words import car_name, day, money, plain

SOURCES = {
    "kaggle": "advertisements on Craigslist, United States",
    "file": "the operator's own file of advertisements",
    "sample": "generated sample data, not real advertisements",
}


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """A quote and the car that it is for: the form may have changed since."""

    listing: Listing
    quote: Quoted


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A listing that the service refused, and what it expects, by field name."""

    listing: Listing
    expected: Mapping[str, str]

    def still_wrong(self, entered: Listing) -> Mapping[str, str]:
        """Leave out the fields that were changed since."""
        same = {name for name in self.expected if entered.get(name) == self.listing.get(name)}
        return {name: text for name, text in self.expected.items() if name in same}


def show_valuation(valuation: Valuation, *, entered: Listing, model: InProduction | None) -> None:
    """Show the range, the price, the warnings and the ground that they stand on."""
    quote = valuation.quote
    with st.container(border=True):
        st.caption(plain(car_name(valuation.listing)))
        st.markdown(f"## {money(quote.low)} \N{EN DASH} {money(quote.high)}")
        st.markdown(f"Most likely asking price: **{money(quote.price)}**")
        if entered != valuation.listing:
            st.info("You changed the form since. Press the button for the new price.", icon=":material/sync:")
        if quote.warnings:
            st.warning(
                "\n".join(f"- {plain(warning[:1].upper() + warning[1:])}" for warning in quote.warnings)
            )
        st.caption(_ground(quote, model))


def _ground(quote: Quoted, model: InProduction | None) -> str:
    parts = [f"Prices as of {day(quote.data_as_of)}", f"model version {plain(quote.model_version)}"]
    if model is not None:
        source = SOURCES.get(model.card.data_source, model.card.data_source)
        parts.append(f"learned from {plain(source)}")
    return " · ".join([*parts, f"quote {quote.quote_id}"])
