"""Entry script of Streamlit: the menu of pages, and a banner while an alert is active."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from carvalue.errors import AppError
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import watcher_client
from carvalue.web.pages import (
    show_about,
    show_compare,
    show_developers,
    show_many_cars,
    show_monitoring,
    show_one_car,
    show_sale,
)

ALERTS_S = 10  # the banner may be this old
FOR_VISITORS = {
    "drift": "Prices are less certain than usual: many cars that people ask for now are rare in our data.",
    "broken_input": "Prices may be wrong: one of the fields of this form does not arrive as it should.",
    "live_accuracy": "Prices may be off: cars have lately been sold for other prices than this page said.",
    "coverage": "Price ranges may be too narrow: many cars have lately been sold for prices outside them.",
}
"""What visitors read while an alert of a kind is active; the other kinds do not concern their prices."""
STATIC = Path(__file__).with_name("static")
NAME = "carvalue"


def main() -> None:
    """Show the page that the visitor chose."""
    settings = load_settings(PageSettings)
    chosen = st.navigation(_menu(settings))
    st.set_page_config(
        page_title=f"{chosen.title} \N{EN DASH} {NAME}", page_icon=str(STATIC / "mark.svg"), layout="wide"
    )
    st.html(STATIC / "page.css")
    st.logo(STATIC / "logo.svg", icon_image=STATIC / "mark.svg", size="large")
    _banner(settings.watcher_url)
    chosen.run()


def _menu(settings: PageSettings) -> dict[str, list[StreamlitPage]]:
    """List the pages; off loopback, monitoring is shown only if a key protects it."""
    menu = {
        "Prices": [
            st.Page(show_one_car, title="Value my car", icon=":material/sell:", url_path="", default=True),
            st.Page(show_compare, title="Compare cars", icon=":material/compare:", url_path="compare"),
            st.Page(show_many_cars, title="Many cars", icon=":material/table:", url_path="many"),
            st.Page(show_sale, title="Report a sale", icon=":material/handshake:", url_path="sale"),
        ],
        "More": [
            st.Page(show_about, title="About and privacy", icon=":material/info:", url_path="about"),
            st.Page(show_developers, title="For developers", icon=":material/code:", url_path="developers"),
        ],
    }
    if settings.is_loopback or settings.operator_key.get_secret_value():
        menu["Operators"] = [
            st.Page(show_monitoring, title="Monitoring", icon=":material/monitoring:", url_path="monitoring")
        ]
    return menu


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
