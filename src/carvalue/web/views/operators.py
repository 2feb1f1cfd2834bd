"""What the operators' pages share: the key, the links, and drift reports."""

import hmac

import streamlit as st

from carvalue.client import WatcherClient
from carvalue.errors import AppError
from carvalue.settings import PageSettings
from carvalue.web.components import escape_markdown

REPORT_WIDTH, REPORT_HEIGHT = 1_050, 5_000  # pixels; a narrower frame cuts off the report's columns


def is_operator(settings: PageSettings) -> bool:
    """Ask for the operators' key, once in a session; nobody else reaches a page on loopback.

    Args:
        settings: BIND_HOST and OPERATOR_KEY.

    Returns:
        Whether the visitor may see the page.
    """
    if settings.is_loopback or st.session_state.get("is operator"):
        return True
    key = settings.operator_key.get_secret_value()
    typed = st.text_input("Operator key", type="password", help="OPERATOR_KEY in the settings.")
    if not typed:
        return False
    if not key or not hmac.compare_digest(typed.encode(), key.encode()):
        st.error("This is not the key.")
        return False
    st.session_state["is operator"] = True
    return True


def show_links(settings: PageSettings) -> None:
    """Show the links of OPERATOR_LINKS.

    Args:
        settings: OPERATOR_LINKS.
    """
    st.markdown(" · ".join(f"[{escape_markdown(name)}]({url})" for name, url in settings.links.items()))


def show_report(watcher: WatcherClient, name: str) -> None:
    """Show a drift report, if the operator wants to see it.

    Args:
        watcher: The client of the watcher.
        name: The file name of the report.
    """
    if not st.toggle("Show the report", key=f"show {name}"):
        return
    try:
        html = _report(watcher, name)
    except AppError:
        st.info("The report is not finished yet, or was deleted as too old.")
        return
    st.download_button("Download", html, file_name=name, mime="text/html", icon=":material/download:")
    with st.container(height=900):
        st.iframe(html, width=REPORT_WIDTH, height=REPORT_HEIGHT)


@st.cache_data(max_entries=4, show_spinner="Fetching the report ...")
def _report(_watcher: WatcherClient, name: str) -> str:
    return _watcher.report(name)
