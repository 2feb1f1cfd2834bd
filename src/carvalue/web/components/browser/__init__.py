"""Components that run in the browser (Streamlit components v2): what-if sliders, the share bar, keys."""

from carvalue.web.components.browser.form_keys import add_form_keys
from carvalue.web.components.browser.share_bar import show_share_bar
from carvalue.web.components.browser.what_if import show_what_if, what_if_data

__all__ = ["add_form_keys", "show_share_bar", "show_what_if", "what_if_data"]
