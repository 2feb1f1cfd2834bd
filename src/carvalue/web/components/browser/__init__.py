"""Components that run in the browser (Streamlit components v2): sliders, share bar, keys, menu."""

from carvalue.web.components.browser.form_keys import add_form_keys
from carvalue.web.components.browser.menu import close_menu_on_phone
from carvalue.web.components.browser.share_bar import show_share_bar
from carvalue.web.components.browser.what_if import show_what_if, what_if_data

__all__ = ["add_form_keys", "close_menu_on_phone", "show_share_bar", "show_what_if", "what_if_data"]
