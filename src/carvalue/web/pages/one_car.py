"""Value my car: a form, the price range and its explanation. Streamlit runs it at every interaction."""

from collections.abc import Mapping

import streamlit as st

from carvalue.errors import AppError
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import ListingRejected, ModelView, price_service_client
from carvalue.web.components import (
    RejectedListing,
    Valuation,
    chosen_make,
    entered_listing,
    invalid_numbers,
    show_comparables,
    show_deal_rating,
    show_form,
    show_reasons,
    show_valuation,
    show_what_if,
)

SUGGESTIONS_S = 60  # suggestions of a new model may appear this late
NO_SUGGESTIONS: Mapping[str, tuple[str, ...]] = {}


def show_one_car() -> None:
    """Show the page."""
    st.title("What is your car worth?")
    st.write("Make, model and model year are enough. More details make the price range narrower.")
    url = load_settings(PageSettings).service_url
    show_form(suggestions=_suggestions_or_notice(url), expected=_wrong_fields())
    st.button("Price this car", type="primary", width="stretch", on_click=_price, args=(url,))
    _show_answer(url)


@st.cache_data(ttl=SUGGESTIONS_S, show_spinner=False)
def _suggestions(url: str, make: str | None) -> Mapping[str, tuple[str, ...]]:
    return price_service_client(url).suggestions(make)


def _suggestions_or_notice(url: str) -> Mapping[str, tuple[str, ...]]:
    try:
        return _suggestions(url, chosen_make())
    except AppError as error:
        st.warning(f"{error.message} We cannot suggest makes and models now, but you can type them.")
        return NO_SUGGESTIONS


def _price(url: str) -> None:
    """Request a quote; runs as a callback, before the form is drawn with the errors of its fields."""
    listing = entered_listing()
    answer: dict[str, object] = {"rejected": None, "failure": None}
    if invalid_numbers(listing):
        st.session_state.update(answer | {"valuation": None})
        return
    try:
        answer["valuation"] = Valuation(listing=listing, explained=price_service_client(url).explain(listing))
    except ListingRejected as error:
        answer |= {"rejected": RejectedListing(listing=listing, expected=error.expected), "valuation": None}
    except AppError as error:
        answer["failure"] = str(error)
    st.session_state.update(answer)


def _wrong_fields() -> Mapping[str, str]:
    """Return what is expected of the fields that cannot be used, by field name."""
    entered = entered_listing()
    rejected: RejectedListing | None = st.session_state.get("rejected")
    return {**(rejected.still_wrong(entered) if rejected else {}), **invalid_numbers(entered)}


def _show_answer(url: str) -> None:
    if st.session_state.get("failure"):
        st.error(st.session_state["failure"])
    if _wrong_fields():
        st.error("Some fields need another look. Below each of them you see what to enter.")
        return
    valuation: Valuation | None = st.session_state.get("valuation")
    if valuation is not None:
        show_valuation(valuation, entered=entered_listing(), model=_model_or_none(url))
        show_deal_rating(valuation.explained.quote)
        show_reasons(valuation.explained)
        show_what_if(valuation.listing, valuation.explained.quote, url=url)
        show_comparables(valuation.listing, valuation.explained)


def _model_or_none(url: str) -> ModelView | None:
    try:
        return price_service_client(url).in_production()
    except AppError:
        return None  # the source of the training data is left out
