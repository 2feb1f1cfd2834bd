"""The share bar: copies the link of a quote, announces its price to screen readers and scrolls to it."""

from carvalue.web.components.browser.assets import browser_component


def show_share_bar(*, quote_id: str, announcement: str) -> None:
    """Show a button that copies the permanent link of a quote.

    When the quote is a new one, the price is announced to screen readers, and the page scrolls to it if it
    is not visible.

    Args:
        quote_id: Identifies the quote.
        announcement: What a screen reader says, in a sentence.
    """
    data = {"link": f"?quote={quote_id}", "announcement": announcement, "quote": quote_id}
    browser_component("share_bar")(data=data, key="share bar")
