"""Value my car: a form, the price range and its explanation. Streamlit runs it at every interaction."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from carvalue.api import MissingAnswer, Model, Trim
from carvalue.client import ListingRejected
from carvalue.errors import AppError
from carvalue.listings import FIELD_BY_NAME, MARKET, REQUIRED_FIELDS, Listing, Value
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import price_service_client
from carvalue.web.components import (
    RejectedListing,
    Valuation,
    add_form_keys,
    car_name,
    chosen_make,
    entered_listing,
    fill_form,
    invalid_numbers,
    open_entries,
    open_rating,
    remember_entries,
    show_advertisement_entry,
    show_comparables,
    show_deal_rating,
    show_form,
    show_missing_answers,
    show_older_cars,
    show_quote_actions,
    show_reasons,
    show_trims,
    show_valuation,
    show_versions,
    show_vin_entry,
    show_what_if_prices,
    source_name,
    trim_prices,
    unresolved_names,
)

SUGGESTIONS_S = 60  # suggestions of a new model may appear this late
NO_SUGGESTIONS: Mapping[str, tuple[str, ...]] = {}
EXAMPLES = {car_name(example): example for example in MARKET.examples}


def show_one_car() -> None:
    """Show the page."""
    url = load_settings(PageSettings).service_url
    st.title(f"What is your {MARKET.vehicle} worth?")
    with (
        st.container()
    ):  # a message moves nothing below it: while a page is redrawn, Streamlit keeps what moved
        _open_linked_quote(url)
        if unusable := open_entries():
            names = ", ".join(unusable)
            st.warning(f"The link has values that we do not know; these fields are empty: {names}.")
        suggestions = _suggestions_or_notice(url)
    is_link = bool(st.query_params) and "visited" not in st.session_state
    st.session_state["visited"] = True
    form, answer = st.columns([5, 6], gap="large")
    with form.container(key="form"):
        *needed, last = (FIELD_BY_NAME[name].label.lower() for name in REQUIRED_FIELDS)
        enough = f"{', '.join(needed)} and {last}".capitalize()
        st.write(f"{enough} are enough. More details make the price range narrower.")
        if MARKET.recognition:
            show_vin_entry()
            show_advertisement_entry(
                makes=suggestions.get("manufacturer", ()), models_of=partial(_models_of, url)
            )
        show_form(suggestions=suggestions, expected=_wrong_fields(suggestions))
        missing = _missing_or_none(url, entered_listing())
        show_trims(_trims_or_none(url), prices=trim_prices(missing))
        show_versions(missing)
    remember_entries()
    if is_link and _is_complete():
        _price(url)  # the visitor followed a link: the answer is what was linked
    with answer:
        _answer(url)
    add_form_keys()


@st.fragment  # the button draws the answer again, not the form
def _answer(url: str) -> None:
    suggestions = _suggestions_or_none(url)
    st.button(
        f"Price this {MARKET.vehicle}",
        type="primary",
        width="stretch",
        key="price",
        on_click=_price,
        args=(url,),
    )
    if st.session_state.pop("draw form", None):
        st.rerun()  # fields of the form have errors to show
    _show_answer(url, wrong=_wrong_fields(suggestions))


@st.cache_data(ttl=SUGGESTIONS_S, show_spinner=False)
def _suggestions(url: str, make: str | None) -> Mapping[str, tuple[str, ...]]:
    return price_service_client(url).suggestions(make)


def _suggestions_or_notice(url: str) -> Mapping[str, tuple[str, ...]]:
    try:
        return _suggestions(url, chosen_make())
    except AppError as error:
        st.warning(f"{error.message} We cannot suggest makes and models now, but you can type them.")
        return NO_SUGGESTIONS


@st.cache_data(ttl=SUGGESTIONS_S, show_spinner=False)
def _trims(url: str, make: str, model: str) -> tuple[Trim, ...]:
    return price_service_client(url).trims(make, model)


def _trims_or_none(url: str) -> tuple[Trim, ...]:
    entered = entered_listing()
    if not {"manufacturer", "model"} <= entered.keys():
        return ()
    try:
        return _trims(url, str(entered["manufacturer"]), str(entered["model"]))
    except AppError:
        return ()  # the form shows the reason


@st.cache_data(ttl=SUGGESTIONS_S, max_entries=1_000, show_spinner=False)
def _missing(url: str, items: tuple[tuple[str, Value], ...]) -> tuple[MissingAnswer, ...]:
    return price_service_client(url).missing_answers(dict(items))


def _missing_or_none(url: str, listing: Listing) -> tuple[MissingAnswer, ...]:
    if not set(REQUIRED_FIELDS) <= listing.keys() or invalid_numbers(listing):
        return ()
    try:
        return _missing(url, tuple(listing.items()))
    except AppError:
        return ()  # the price shows the reason


def _models_of(url: str, make: str) -> tuple[str, ...]:
    try:
        return _suggestions(url, make).get("model", ())
    except AppError:
        return ()


def _suggestions_or_none(url: str) -> Mapping[str, tuple[str, ...]]:
    try:
        return _suggestions(url, chosen_make())
    except AppError:
        return NO_SUGGESTIONS  # the form shows the reason


def _price(url: str) -> None:
    """Request a quote, as a callback: before anything is drawn."""
    listing = entered_listing()
    wrong = invalid_numbers(listing) or unresolved_names(_suggestions_or_none(url))
    answer: dict[str, Any] = {"rejected": None, "failure": None}
    if wrong:
        st.query_params.pop("quote", None)  # its price is not that of the form
        st.session_state.update(answer | {"valuation": None, "draw form": True})
        return
    had_errors = st.session_state.get("rejected") is not None
    try:
        answer["valuation"] = Valuation(listing=listing, explained=price_service_client(url).explain(listing))
    except ListingRejected as error:
        answer |= {"rejected": RejectedListing(listing=listing, expected=error.expected), "valuation": None}
        st.query_params.pop("quote", None)
    except AppError as error:
        answer["failure"] = f"{error.message} Your entries are kept. {error.hint}".strip()
    if valuation := answer.get("valuation"):
        st.query_params["quote"] = valuation.explained.quote.quote_id
    st.session_state.update(answer | {"draw form": had_errors or answer["rejected"] is not None})


def _open_linked_quote(url: str) -> None:
    """Show the stored quote that the page's address names, unless it is shown already."""
    quote_id = st.query_params.get("quote")
    shown: Valuation | None = st.session_state.get("valuation")
    if not quote_id and shown is not None:  # the visitor comes back by the menu
        st.query_params["quote"] = shown.explained.quote.quote_id
    if not quote_id or (shown is not None and shown.explained.quote.quote_id == quote_id):
        return
    try:
        stored = price_service_client(url).stored_quote(quote_id)
    except ListingRejected:
        st.query_params.pop("quote")
        st.warning("The price of this link does not exist any more. Its owner may have deleted it.")
        return
    except AppError as error:
        st.error(str(error))
        return
    fill_form(stored.listing)
    st.session_state["valuation"] = Valuation(listing=stored.listing, explained=stored)
    open_rating(quote_id, stored.rating)


def _is_complete() -> bool:
    listing = entered_listing()
    return set(REQUIRED_FIELDS) <= listing.keys() and "valuation" not in st.session_state


def _wrong_fields(suggestions: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Return what is expected of the fields that cannot be used, by field name."""
    entered = entered_listing()
    rejected: RejectedListing | None = st.session_state.get("rejected")
    unresolved = unresolved_names(suggestions) if "valuation" in st.session_state else {}
    return {
        **(rejected.still_wrong(entered) if rejected else {}),
        **unresolved,
        **invalid_numbers(entered),
    }


def _show_answer(url: str, *, wrong: Mapping[str, str]) -> None:
    message = st.empty()  # drawn each time, so that no earlier message stays
    deleted = st.session_state.pop("deleted", None)
    if wrong:
        message.error("Some fields need another look. Below each of them you see what to enter.")
    elif st.session_state.get("failure"):
        message.error(st.session_state["failure"])
    elif deleted:
        message.success("The price is deleted.")
    if wrong:
        return
    valuation: Valuation | None = st.session_state.get("valuation")
    if valuation is None:
        if not st.session_state.get("failure"):
            _show_examples(url)
        return
    settings, above, model = load_settings(PageSettings), st.container(), _model_or_none(url)
    show_valuation(valuation, entered=entered_listing(), model=model, settings=settings)
    show_missing_answers(_missing_or_none(url, valuation.listing))
    show_quote_actions(valuation, url=url, source=_source(model))
    show_deal_rating(valuation, entered=entered_listing(), above=above, url=url)
    show_reasons(valuation.explained)
    show_what_if_prices(valuation, url=url)
    show_older_cars(valuation, url=url)
    show_comparables(valuation.listing, valuation.explained)


def _show_examples(url: str) -> None:
    st.caption(f"Or try one of these {MARKET.vehicles}:")
    for name, listing in EXAMPLES.items():
        st.button(name, on_click=_price_example, args=(url, listing), type="tertiary")


def _price_example(url: str, listing: Mapping[str, str | int]) -> None:
    fill_form(listing)
    _price(url)
    st.session_state["draw form"] = True


def _source(model: Model | None) -> str:
    return source_name(model.card.data_source) if model is not None else ""


@st.cache_data(ttl=SUGGESTIONS_S, show_spinner=False)
def _model(url: str) -> Model:
    return price_service_client(url).in_production()


def _model_or_none(url: str) -> Model | None:
    try:
        return _model(url)
    except AppError:
        return None  # the source of the training data is left out
