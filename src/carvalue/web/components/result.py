"""Shows a quote: price range, most likely price, warnings, and the rating of an asking price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st
from msgspec import UNSET
from streamlit.delta_generator import DeltaGenerator

from carvalue.api import AnyExplainedQuote, AnyQuote, Model
from carvalue.client import is_supported, rate_deal, support_in_words
from carvalue.errors import AppError
from carvalue.listings import CURRENCY, MARKET, Listing
from carvalue.settings import PageSettings
from carvalue.web.client import price_service_client
from carvalue.web.components.browser import show_share_bar
from carvalue.web.components.formatting import (
    age_in_words,
    car_name,
    escape_markdown,
    format_date,
    format_dollars,
    source_name,
)
from carvalue.web.components.number_entry import dollars_input
from carvalue.web.components.price_index import show_adjusted_price


@dataclass(frozen=True, kw_only=True)
class Valuation:
    """A quote and the car that it is for; the form may have changed since.

    Attributes:
        listing: The car as it was entered.
        explained: The quote with its explanation.
    """

    listing: Listing
    explained: AnyExplainedQuote


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


def show_valuation(
    valuation: Valuation, *, entered: Listing, model: Model | None, settings: PageSettings
) -> None:
    """Show a quote.

    Args:
        valuation: The quote and its car.
        entered: What the form holds now.
        model: The model in production; None if it cannot be read.
        settings: From which age of the data a warning is shown beside the price, and the index of prices.
    """
    quote = valuation.explained.quote
    with st.container(border=True, key="answer"):
        st.markdown(f"**{escape_markdown(car_name(valuation.listing))}**")
        st.markdown(f"## {format_dollars(quote.price)}")
        st.html(range_bar(quote))
        st.markdown(f"Most likely asking price, {_promise(valuation.explained)}  \n**{_data_date(quote)}**")
        if moved := moved_range(quote):
            st.caption(moved)
        if notice := _old_data(quote, days=settings.data_old_days):
            st.warning(notice, icon=":material/history:")
        show_adjusted_price(quote, path=settings.price_index, name=settings.price_index_name)
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
        name = car_name(valuation.listing)
        show_share_bar(
            quote_id=quote.quote_id,
            announcement=f"{name}: {CURRENCY.format(quote.price)}, from {CURRENCY.format(quote.low)} to "
            f"{CURRENCY.format(quote.high)}.",
        )
        st.caption(_sources(quote, model))


def range_bar(quote: AnyQuote) -> str:
    """Draw the price range as HTML: a bar with both ends, and the most likely price at its place.

    Args:
        quote: The quote.

    Returns:
        HTML that holds numbers of the quote only.
    """
    low, high = CURRENCY.format(quote.low), CURRENCY.format(quote.high)
    share = 100 * (quote.price - quote.low) / max(quote.high - quote.low, 1)
    return (
        f'<div class="cv-range" role="img" aria-label="Range from {low} to {high}">'
        f'<div class="cv-bar"><span style="left:{share:.1f}%"></span></div>'
        f'<div class="cv-ends"><span>{low}</span><span>{high}</span></div></div>'
    )


def moved_range(quote: AnyQuote) -> str:
    """Say that reported sales have moved the range of a quote.

    Args:
        quote: The quote.

    Returns:
        A sentence; empty if the range is as it was calibrated.
    """
    if quote.calibrated_low is UNSET or quote.calibrated_high is UNSET:
        return ""
    before = f"{format_dollars(quote.calibrated_low)} to {format_dollars(quote.calibrated_high)}"
    return f"Lately reported sales have moved this range; before, it was {before}. The price is unchanged."


def _promise(explained: AnyExplainedQuote) -> str:
    words = escape_markdown(support_in_words(explained))
    return words if is_supported(explained) else f"**{words}**"


def _data_date(quote: AnyQuote) -> str:
    if quote.data_as_of is None:
        return "Priced by a former model: press the button for a new price"
    return f"Prices as of {format_date(quote.data_as_of)}"


def _old_data(quote: AnyQuote, *, days: int) -> str:
    today = datetime.now(UTC).date()
    if quote.data_as_of is None or (today - quote.data_as_of).days < days:
        return ""
    age = age_in_words(quote.data_as_of, today=today)
    return (
        f"These are prices of {age} ago, not of today: our newest advertisement is that old. Prices may have "
        "changed a lot since. Compare with current advertisements."
    )


def show_deal_rating(valuation: Valuation, *, entered: Listing, above: DeltaGenerator, url: str) -> None:
    """Show a field for an asking price, and the rating of the price that is entered.

    Args:
        above: Where the rating is shown: above the price, because it is what a buyer wants to know first.
        valuation: The quote that the price is compared with, and its car.
        entered: What the form holds now; a quote of another car rates nothing.
        url: Base URL of the price service, which ranks the asking price.
    """
    asking = dollars_input(
        f"Is this asking price fair? ({escape_markdown(CURRENCY.symbol)})",
        maximum=1_000_000,
        placeholder="What the seller asks for",
        key="asking",
        bind=True,
    )
    if asking is None:
        return
    if entered != valuation.listing:
        above.caption("The rating of the asking price appears with the new price.")
        return
    quote = valuation.explained.quote
    rating = rate_deal(asking, price=quote.price, low=quote.low, high=quote.high)
    difference = asking - quote.price
    side = "above" if difference > 0 else "below"
    compared = f" {format_dollars(asking)} is {format_dollars(abs(difference))} {side} the most likely price."
    above.markdown(f"### :{rating.color}[{rating.label}]")
    above.markdown(rating.meaning + (compared if difference else ""))
    if is_supported(valuation.explained):
        above.markdown(" ".join([*_market_rank(asking, valuation, url=url), _room(asking, quote)]))


def _market_rank(asking: int, valuation: Valuation, *, url: str) -> list[str]:
    """Say how many similar cars are cheaper; nothing if the model that quoted cannot say it."""
    try:
        predicted = price_service_client(url).distribution(valuation.listing, asking_price=asking)
    except AppError:
        return []
    if predicted.asking is None or predicted.model_version != valuation.explained.quote.model_version:
        return []
    cheaper = round(20 * predicted.asking.share_below)
    return [f"Of 20 such {MARKET.vehicles}, about **{cheaper}** are offered for less."]


def _room(asking: int, quote: AnyQuote) -> str:
    room = asking - quote.price
    if room <= 0:
        return "Little room to negotiate: the price is not above the most likely one."
    return f"Room to negotiate: about **{format_dollars(room)}**, down to the most likely price."


def _sources(quote: AnyQuote, model: Model | None) -> str:
    parts = [f"Model version {escape_markdown(quote.model_version)}"]
    if model is not None and model.version == quote.model_version:
        parts.append(f"trained on {escape_markdown(source_name(model.card.data_source))}")
    return " · ".join([*parts, f"quote {quote.quote_id}"])
