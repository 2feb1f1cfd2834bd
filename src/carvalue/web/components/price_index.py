"""A monthly index of used-car prices, which the operator provides, carries old prices to today."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import streamlit as st

from carvalue.api import AnyQuote
from carvalue.errors import AppError
from carvalue.listings import MARKET
from carvalue.web.components.formatting import escape_markdown, format_dollars

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
MAX_BYTES = 1_000_000


class PriceIndexUnreadable(AppError):
    """The file of PRICE_INDEX cannot be used."""

    status = 500
    hint = "Expected a CSV with the columns month and index, such as 2021-04,118.2."


@dataclass(frozen=True, kw_only=True)
class PriceIndex:
    """A monthly index of prices.

    Attributes:
        name: What the index is, as the operator named it.
        values: The index by month (YYYY-MM), in ascending order; above zero.
    """

    name: str
    values: Mapping[str, float]

    def change_since(self, day: date) -> tuple[str, float] | None:
        """Compute how prices changed from a date to the newest month of the index.

        Args:
            day: The date.

        Returns:
            The newest month, and its index as a share of that of the date's month. None if the index does not
            have the date's month, or no later one.

        Examples:
            >>> index = PriceIndex(name="CPI", values={"2021-04": 100.0, "2026-10": 125.0})
            >>> index.change_since(date(2021, 4, 29))
            ('2026-10', 1.25)
        """
        month = f"{day:%Y-%m}"
        newest = max(self.values)
        if month not in self.values or newest <= month:
            return None
        return newest, self.values[newest] / self.values[month]


def read_price_index(path: Path, *, name: str) -> PriceIndex:
    """Read an index from a CSV file with the columns `month` (YYYY-MM) and `index`.

    Args:
        path: The file.
        name: What the index is.

    Returns:
        The index.

    Raises:
        PriceIndexUnreadable: The file is missing, empty, or a row cannot be used.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file.read(MAX_BYTES).splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise PriceIndexUnreadable(f"PRICE_INDEX cannot be read: {error}.") from error
    values = dict(_month(row, number) for number, row in enumerate(rows, start=2))
    if not values:
        raise PriceIndexUnreadable("The file of PRICE_INDEX has no month.")
    return PriceIndex(name=name or path.stem, values=dict(sorted(values.items())))


def show_adjusted_price(quote: AnyQuote, *, path: str, name: str) -> None:
    """Show a price as it would be in the newest month of the operator's index, if there is one.

    Args:
        quote: The quote.
        path: The file of the index; empty if there is none.
        name: What the index is.
    """
    if not path or quote.data_as_of is None:
        return
    try:
        change = read_price_index(Path(path), name=name).change_since(quote.data_as_of)
    except (AppError, OSError) as error:
        st.caption(f"No adjustment to today: {error}")
        return
    if change is not None:
        st.markdown(adjusted_price(quote, month=change[0], share=change[1], name=name or Path(path).stem))


def adjusted_price(quote: AnyQuote, *, month: str, share: float, name: str) -> str:
    """Say what a price would be in another month.

    Args:
        quote: The quote.
        month: The month, YYYY-MM.
        share: Prices of that month, as a share of those of the quote's data.
        name: What the index is.

    Returns:
        Sentences in Markdown.
    """
    price, low, high = (
        format_dollars(round(share * amount)) for amount in (quote.price, quote.low, quote.high)
    )
    day = f"{quote.data_as_of:%B %Y}"
    until = f"{date.fromisoformat(f'{month}-01'):%B %Y}"
    return (
        f"Adjusted to {until}: about **{price}** ({low} to {high}). Between {day} and {until}, "
        f"*{escape_markdown(name)}* changed by {share - 1:+.0%}. It is one index for all used "
        f"{MARKET.vehicles}: yours may have moved otherwise."
    )


def _month(row: Mapping[str, str | None], number: int) -> tuple[str, float]:
    month, text = (row.get("month") or "").strip(), (row.get("index") or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not MONTH.fullmatch(month) or not 0 < value < float("inf"):
        raise PriceIndexUnreadable(f"Line {number} of PRICE_INDEX has {month!r} and {text!r}.")
    return month, value
