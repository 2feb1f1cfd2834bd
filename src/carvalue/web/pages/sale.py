"""Report a sale: the sale price of a quoted car, with which the watcher checks the quotes."""

import streamlit as st

from carvalue.errors import AppError
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import ListingRejected, price_service_client
from carvalue.web.components import dollars_input, format_dollars

QUOTE_ID_LENGTH = 32


def show_sale() -> None:
    """Show the page."""
    st.title("Report a sale")
    st.write(
        "Did you sell or buy a car that was priced here? Its sale price shows us how good our prices are. "
        "We store no names."
    )
    with st.form("sale", border=False):
        quote_id = st.text_input(
            "Quote",
            max_chars=QUOTE_ID_LENGTH,
            help="The number at the end of the small print below the price.",
        )
        price = dollars_input("Sale price (\\$)", maximum=1_000_000, key="sale price")
        sent = st.form_submit_button("Report", type="primary")
    if sent:
        _report(quote_id.strip(), price)


def _report(quote_id: str, price: int | None) -> None:
    if not quote_id or price is None:
        st.error("Enter the number of the quote and the sale price.")
        return
    try:
        price_service_client(load_settings(PageSettings).service_url).report_sale(quote_id, price)
    except ListingRejected as error:
        st.error(f"{error.message} Check that you copied the whole number of the quote.")
    except AppError as error:
        st.error(str(error))
    else:
        st.success(f"Thank you: sold for {format_dollars(price)}.")
