"""Entry script of Streamlit: the menu of pages, and a banner while an alert is active."""

import streamlit as st

from carvalue.errors import AppError
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import watcher_client
from carvalue.web.components import escape_markdown
from carvalue.web.pages import show_many_cars, show_monitoring, show_one_car, show_sale

ALERTS_S = 10  # the banner may be this old
OPERATOR_KINDS = frozenset(
    {"retraining"}
)  # kinds of alert that do not concern prices; only Monitoring shows them
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
    for title in _firing(url):
        st.error(
            f"**{escape_markdown(title)}.** Prices may be wrong. The page *Monitoring* shows details.",
            icon=":material/warning:",
        )


@st.cache_data(ttl=ALERTS_S, show_spinner=False)
def _firing(url: str) -> tuple[str, ...]:
    try:
        firing = watcher_client(url).alerts().firing
        return tuple(alert.title for alert in firing if alert.kind not in OPERATOR_KINDS)
    except AppError:
        return ()  # prices do not need the watcher; the page Monitoring reports that it is down


if __name__ == "__main__":
    main()
