"""Report a sale: the sale price of a quoted car, with which the watcher checks the quotes."""

import streamlit as st

from carvalue.listings import MARKET
from carvalue.settings import PageSettings, load_settings
from carvalue.web.components import MAX_SALE_PRICE, SALE_PRICE, dollars_input, report_sale


def show_sale() -> None:
    """Show the page."""
    st.title("Report a sale")
    st.write(
        f"Did you sell or buy a {MARKET.vehicle} that was priced here? Its sale price shows us how good "
        "our prices are. We store no names. The page of the price has this form too: open the link "
        "that you saved."
    )
    with st.form("sale", border=False, clear_on_submit=False):
        quote_id = st.text_input("Quote", help="The number at the end of the small print below the price.")
        price = dollars_input(SALE_PRICE, maximum=MAX_SALE_PRICE, key="sale price")
        sent = st.form_submit_button("Report", type="primary")
    if sent:
        report_sale(quote_id, price, url=load_settings(PageSettings).service_url)
