"""Entry script of Streamlit: the menu of pages, and a banner while an alert is active."""

from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from carvalue.errors import AppError
from carvalue.listings import MARKET
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import page_tracer, watcher_client
from carvalue.web.components import close_menu_on_phone
from carvalue.web.views import (
    show_about,
    show_compare,
    show_developers,
    show_incidents,
    show_many_cars,
    show_monitoring,
    show_one_car,
    show_sale,
)

ALERTS_S = 10  # the banner may be this old
# what visitors read while an alert of a kind is active; the other kinds do not concern their prices
_MANY = f"many {MARKET.vehicles}"
FOR_VISITORS = {
    "drift": f"Prices are less certain than usual: {_MANY} that people ask for now are rare in our data.",
    "broken_input": "Prices may be wrong: one of the fields of this form does not arrive as it should.",
    "live_accuracy": f"Prices may be off: {MARKET.vehicles} have lately been sold "
    "for other prices than this page said.",
    "coverage": f"Price ranges may be too narrow: {_MANY} have lately been sold for prices outside them.",
}
STATIC = Path(__file__).with_name("static")
NAME = "carvalue"


def main() -> None:
    """Show the page that the visitor chose."""
    settings = load_settings(PageSettings)
    operators_pages = _operators_pages(settings)
    chosen = st.navigation([*_visitors_pages(), *operators_pages])
    st.set_page_config(
        page_title=f"{chosen.title} \N{EN DASH} {NAME}", page_icon=str(STATIC / "mark.svg"), layout="wide"
    )
    st.html(STATIC / "page.css")
    st.logo(STATIC / "logo.svg", icon_image=STATIC / "mark.svg", size="large")
    _show_operators_menu(operators_pages)
    close_menu_on_phone()
    _banner(settings.watcher_url)
    with page_tracer().span(f"page {chosen.url_path or 'value'}", kind="server"):
        chosen.run()


def _visitors_pages() -> list[StreamlitPage]:
    """List the pages of the menu, without icons: Streamlit would load a page's icon from another site."""
    value = st.Page(show_one_car, title=f"Value my {MARKET.vehicle}", url_path="", default=True)
    compare = partial(show_compare, price_page=value)
    return [
        value,
        st.Page(compare, title=f"Compare {MARKET.vehicles}", url_path="compare"),
        st.Page(show_many_cars, title=f"Many {MARKET.vehicles}", url_path="many"),
        st.Page(show_sale, title="Report a sale", url_path="sale"),
        st.Page(show_about, title="About and privacy", url_path="about"),
        st.Page(show_developers, title="For developers", url_path="developers"),
    ]


def _operators_pages(settings: PageSettings) -> list[StreamlitPage]:
    """List the pages of the operators' menu; off loopback, they are shown only if a key protects them."""
    if not settings.is_loopback and not settings.operator_key.get_secret_value():
        return []
    return [
        st.Page(show_monitoring, title="Monitoring", url_path="monitoring", visibility="hidden"),
        st.Page(show_incidents, title="Incidents", url_path="incidents", visibility="hidden"),
    ]


def _show_operators_menu(pages: list[StreamlitPage]) -> None:
    if pages:
        st.sidebar.caption("Operators")
    for page in pages:
        st.sidebar.page_link(page)


@st.fragment(run_every=ALERTS_S)  # refreshed without any action of the visitor
def _banner(url: str) -> None:
    for words in _firing(url):
        st.warning(words, icon=":material/warning:")


@st.cache_data(ttl=ALERTS_S, show_spinner=False)
def _firing(url: str) -> tuple[str, ...]:
    try:
        kinds = {alert.kind for alert in watcher_client(url).alerts().firing}
        return tuple(words for kind, words in FOR_VISITORS.items() if kind in kinds)
    except AppError:
        return ()  # prices do not need the watcher; the page Monitoring reports that it is down


if __name__ == "__main__":
    main()
