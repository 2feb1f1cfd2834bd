"""What a visitor can do with a quote: save it, rate it, report the sale, delete it."""

from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import streamlit as st

from carvalue.api import RatingChoice
from carvalue.client import ListingRejected
from carvalue.errors import AppError
from carvalue.listings import CURRENCY, MARKET
from carvalue.web.client import price_service_client
from carvalue.web.components.certificate import certificate_pdf
from carvalue.web.components.formatting import choice_name, escape_markdown, format_dollars
from carvalue.web.components.number_entry import dollars_input
from carvalue.web.components.result import Valuation

SAVED = "saved quotes"  # key in the session: ids, in the order in which they were saved
MAX_SAVED = 4
MAX_SALE_PRICE = 1_000_000
SALE_PRICE = f"Sale price ({escape_markdown(CURRENCY.symbol)})"  # label of the field
RATED = "rated"  # key in the session: what came of the last rating
THANKS = "Thank you. Ratings show the operator where prices are off; they change no price by themselves."


def saved_quotes() -> tuple[str, ...]:
    """Return the quotes that the visitor saved in this session.

    Returns:
        At most `MAX_SAVED` ids, in the order in which they were saved.
    """
    return tuple(st.session_state.get(SAVED, ()))


def save_quotes(quote_ids: tuple[str, ...]) -> None:
    """Replace the saved quotes of this session.

    Args:
        quote_ids: At most `MAX_SAVED` ids.
    """
    st.session_state[SAVED] = quote_ids


def show_quote_actions(valuation: Valuation, *, url: str, source: str) -> None:
    """Show buttons to save and to rate a quote, to report the sale of its car, and to delete it.

    Args:
        valuation: The quote and its car.
        url: Base URL of the price service.
        source: Where the training data comes from, in a few words; empty if it is not known.
    """
    quote = valuation.explained.quote
    (save, document), (sell, remove) = st.columns(2), st.columns(2)
    with save:
        _save_button(quote.quote_id)
    document.download_button(
        "PDF certificate",
        partial(
            certificate_pdf,
            valuation,
            link=permanent_link(quote.quote_id),
            source=source,
            today=datetime.now(UTC).date(),
        ),
        file_name=f"carvalue-{quote.quote_id[:12]}.pdf",
        mime="application/pdf",
        on_click="ignore",
        width="stretch",
    )
    with sell.popover("Report the sale", width="stretch"):
        st.write("What was paid for it? This shows us how good our prices are. We store no names.")
        price = dollars_input(SALE_PRICE, maximum=MAX_SALE_PRICE, key=f"sale {quote.quote_id}")
        if st.button("Report", key=f"report {quote.quote_id}"):
            report_sale(quote.quote_id, price, url=url)
    with remove.popover("Delete", width="stretch"):
        st.write(
            f"Deletes this price and the {MARKET.vehicle} from our records. The link to it stops working."
        )
        st.button("Delete this price", on_click=_delete, args=(quote.quote_id, url))
    _show_rating(quote.quote_id, url)


def permanent_link(quote_id: str) -> str:
    """Return the address of a quote, at the address by which the visitor reached the page.

    Args:
        quote_id: Identifies the quote.

    Returns:
        An absolute URL.
    """
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}/?quote={quote_id}"


def open_rating(quote_id: str, rating: str | None) -> None:
    """Show the stored rating of a quote. Call it before the rating is drawn.

    Args:
        quote_id: Identifies the quote.
        rating: Its newest rating; None if it has none.
    """
    st.session_state[_rating(quote_id)] = rating


def _show_rating(quote_id: str, url: str) -> None:
    st.pills(
        "What do you think of this price?",
        [choice.value for choice in RatingChoice],
        format_func=choice_name,
        key=_rating(quote_id),
        on_change=_rate,
        args=(quote_id, url),
    )
    if outcome := st.session_state.pop(RATED, None):
        (st.error if outcome != THANKS else st.success)(outcome)


def _rate(quote_id: str, url: str) -> None:
    rating = st.session_state[_rating(quote_id)]
    if rating is None:
        return  # a second press takes the mark away; the stored rating stays until there is another
    try:
        price_service_client(url).rate_quote(quote_id, rating)
    except AppError as error:
        st.session_state.update({_rating(quote_id): None, RATED: str(error)})
    else:
        st.session_state[RATED] = THANKS


def _rating(quote_id: str) -> str:
    return f"rating {quote_id}"


def report_sale(quote_id: str, price: int | None, *, url: str) -> None:
    """Report the sale of a quoted car, and show the outcome.

    Args:
        quote_id: Identifies the quote; capital letters and spaces around it are accepted.
        price: What was paid, in dollars; None if it was not entered.
        url: Base URL of the price service.
    """
    quote_id = quote_id.strip().lower()
    if not quote_id or price is None:
        st.error("Enter the number of the quote and the sale price.")
        return
    try:
        price_service_client(url).report_sale(quote_id, price)
    except ListingRejected:
        st.error("There is no quote with this number. Check that you copied the whole number of the quote.")
    except AppError as error:
        st.error(str(error))
    else:
        st.success(f"Thank you: sold for {format_dollars(price)}.")


def _save_button(quote_id: str) -> None:
    saved = saved_quotes()
    if quote_id in saved:
        st.button("Remove from comparison", on_click=_forget, args=(quote_id,), width="stretch")
        return
    full = len(saved) >= MAX_SAVED
    st.button(
        "Save to compare",
        on_click=_save,
        args=(quote_id,),
        disabled=full,
        help=f"You can compare {MAX_SAVED} {MARKET.vehicles} at a time." if full else None,
        width="stretch",
    )


def _save(quote_id: str) -> None:
    save_quotes((*saved_quotes(), quote_id))


def _forget(quote_id: str) -> None:
    save_quotes(tuple(saved for saved in saved_quotes() if saved != quote_id))


def _delete(quote_id: str, url: str) -> None:
    try:
        price_service_client(url).delete_quote(quote_id)
    except ListingRejected:
        pass  # it is deleted already
    except AppError as error:
        st.session_state["failure"] = str(error)
        return
    _forget(quote_id)
    st.query_params.pop("quote", None)
    st.session_state.update({"valuation": None, "deleted": True})
