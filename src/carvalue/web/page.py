"""Entry script of Streamlit: the menu of pages, and a banner while an alert is active."""

import streamlit as st

from carvalue.errors import AppError
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import watcher_client
from carvalue.web.pages import show_many_cars, show_monitoring, show_one_car, show_sale

ALERTS_S = 10  # the banner may be this old
FOR_VISITORS = {
    "drift": "Prices are less certain than usual: many cars that people ask for now are rare in our data.",
    "broken_input": "Prices may be wrong: one of the fields of this form does not arrive as it should.",
    "live_accuracy": "Prices may be off: cars have lately been sold for other prices than this page said.",
    "coverage": "Price ranges may be too narrow: many cars have lately been sold for prices outside them.",
}
"""What visitors read while an alert of a kind is active; the other kinds do not concern their prices."""
STYLE = """
<style>
/* Streamlit's grey, and the slider's blue on black, have too little contrast (WCAG AA) */
[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.8; }
[data-testid="stSliderThumbValue"] { color: inherit !important; }
/* Streamlit leaves text marks of charts black, also on its dark background */
[data-testid="stVegaLiteChart"] .mark-text.role-mark text { fill: currentColor; }
@media print {
  [data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stToolbar"], .stButton,
  .stSlider, .stFileUploader { display: none !important; }
  .stMain, .stMainBlockContainer { overflow: visible !important; padding: 0 !important; }
}
</style>
"""


def main() -> None:
    """Show the page that the visitor chose."""
    st.set_page_config(page_title="What is your car worth?", page_icon="🚗")
    st.html(STYLE)
    chosen = st.navigation(
        [
            st.Page(show_one_car, title="Value my car", icon=":material/sell:", url_path="", default=True),
            st.Page(show_many_cars, title="Many cars", icon=":material/table:", url_path="many"),
            st.Page(show_sale, title="Report a sale", icon=":material/handshake:", url_path="sale"),
            st.Page(show_monitoring, title="Monitoring", icon=":material/monitoring:", url_path="monitoring"),
        ]
    )
    _banner(load_settings(PageSettings).watcher_url)
    chosen.run()


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
