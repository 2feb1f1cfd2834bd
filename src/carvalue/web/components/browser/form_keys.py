"""Keyboard use of the form: Enter prices the car, and the first Tab stop skips to the form."""

from carvalue.web.components.browser.assets import browser_component


def add_form_keys() -> None:
    """Add the keys to a page with containers of the keys `form` and `price`, and a field of the key `vin`."""
    browser_component("form_keys")(key="form keys")
