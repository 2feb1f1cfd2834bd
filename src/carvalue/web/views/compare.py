"""Compare cars: up to four saved prices side by side, also by a link that holds their ids."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from carvalue.api import StoredQuote
from carvalue.client import ListingRejected
from carvalue.errors import AppError
from carvalue.listings import FIELD_BY_NAME, MARKET, OPEN_PLACES
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import price_service_client
from carvalue.web.components import (
    MAX_SAVED,
    car_name,
    choice_name,
    escape_markdown,
    format_date,
    format_dollars,
    range_bar,
    save_quotes,
    saved_quotes,
)

PARAMETER = "quotes"
DETAILS = ("odometer", *(name for name in MARKET.compared if name not in OPEN_PLACES))


def show_compare(*, price_page: StreamlitPage) -> None:
    """Show the page.

    Args:
        price_page: The page that shows the price of one car.
    """
    st.title(f"Compare {MARKET.vehicles}")
    linked = [quote_id for quote_id in st.query_params.get(PARAMETER, "").split(",") if quote_id]
    if linked and not saved_quotes():
        save_quotes(tuple(linked[:MAX_SAVED]))
    saved = saved_quotes()
    if not saved:
        st.info(
            f"Price a {MARKET.vehicle} and press *Save to compare* below its price, "
            f"for up to {MAX_SAVED} {MARKET.vehicles}."
        )
        return
    st.query_params[PARAMETER] = ",".join(saved)
    st.write("The address of this page is a link to this comparison. Whoever has it can open it.")
    for quote_id, column in zip(saved, st.columns(len(saved)), strict=True):
        with column.container(border=True):
            _show_car(quote_id, price_page)


def _show_car(quote_id: str, price_page: StreamlitPage) -> None:
    try:
        stored = price_service_client(load_settings(PageSettings).service_url).stored_quote(quote_id)
    except ListingRejected:
        st.warning("This price does not exist any more.")
    except AppError as error:
        st.error(str(error))
    else:
        _show_quote(stored)
        st.page_link(price_page, label="Open this price", query_params={"quote": quote_id})
    st.button("Remove", key=f"remove {quote_id}", on_click=_remove, args=(quote_id,))


def _show_quote(stored: StoredQuote) -> None:
    quote = stored.quote
    st.markdown(f"**{escape_markdown(car_name(stored.listing))}**")
    st.markdown(f"## {format_dollars(quote.price)}")
    st.html(range_bar(quote))
    date = "a former model" if quote.data_as_of is None else format_date(quote.data_as_of)
    st.markdown(f"Prices as of **{date}**")
    for name in DETAILS:
        if (value := stored.listing.get(name)) is not None:
            shown = f"{value:,}" if isinstance(value, int) else choice_name(str(value))
            st.markdown(f"{FIELD_BY_NAME[name].label}: {escape_markdown(shown)}")


def _remove(quote_id: str) -> None:
    save_quotes(tuple(saved for saved in saved_quotes() if saved != quote_id))
    if not saved_quotes():
        st.query_params.pop(PARAMETER, None)
