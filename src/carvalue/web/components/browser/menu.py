"""The menu on a phone: it covers the page, and closes when a page is chosen."""

from carvalue.web.components.browser.assets import browser_component


def close_menu_on_phone() -> None:
    """Close the menu when a page is chosen in it, on screens where it covers the page."""
    browser_component("menu")(key="menu")
