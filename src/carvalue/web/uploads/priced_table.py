"""Adds the answers to the columns of an uploaded table."""

from collections.abc import Sequence

import polars as pl

from carvalue.api import AnyQuote
from carvalue.client import rate_deal
from carvalue.web.components import unused_name

ANSWER_COLUMNS = ("price", "low", "high", "difference", "rating", "warnings", "problem", "quote_id")


def with_answers(
    table: pl.DataFrame, answers: Sequence[AnyQuote | str], asking: Sequence[int | None] | None = None
) -> pl.DataFrame:
    """Add the answers as columns; a column of the file keeps its name and its values.

    Args:
        table: The uploaded table, any columns.
        answers: For each row a quote, or the reason why there is none.
        asking: For each row its asking price, in dollars; None where there is none.

    Returns:
        The columns of the table, then `ANSWER_COLUMNS`: price, low, high and difference in whole dollars, the
        difference being the asking price minus the price. Where the table has a column of that name, the
        added one is named carvalue_price, carvalue_low and so on.
    """
    names = answer_names(table.columns)
    quotes = [answer if isinstance(answer, AnyQuote) else None for answer in answers]
    asking_prices = asking or [None] * len(answers)
    pairs = list(zip(quotes, asking_prices, strict=True))
    return table.with_columns(
        pl.Series(names["price"], [quote and quote.price for quote in quotes], dtype=pl.Int64),
        pl.Series(names["low"], [quote and quote.low for quote in quotes], dtype=pl.Int64),
        pl.Series(names["high"], [quote and quote.high for quote in quotes], dtype=pl.Int64),
        pl.Series(
            names["difference"],
            [price - quote.price if quote and price else None for quote, price in pairs],
            dtype=pl.Int64,
        ),
        pl.Series(names["rating"], [_rating(quote, price) for quote, price in pairs], dtype=pl.String),
        pl.Series(names["warnings"], ["; ".join(quote.warnings) if quote else "" for quote in quotes]),
        pl.Series(names["problem"], ["" if isinstance(answer, AnyQuote) else answer for answer in answers]),
        pl.Series(names["quote_id"], [quote.quote_id if quote else "" for quote in quotes]),
    )


def answer_names(columns: Sequence[str]) -> dict[str, str]:
    """Choose names for the added columns that no column of the file has.

    Args:
        columns: Column names of the file.

    Returns:
        The column name for each of `ANSWER_COLUMNS`.

    Examples:
        >>> answer_names(["manufacturer", "model", "year", "Price"])["price"]
        'carvalue_price'
    """
    taken = [name.strip().lower() for name in columns]
    return {
        answer: unused_name(f"carvalue_{answer}", taken=taken) if answer in taken else answer
        for answer in ANSWER_COLUMNS
    }


def _rating(quote: AnyQuote | None, asking: int | None) -> str:
    if quote is None or asking is None:
        return ""
    return rate_deal(asking, price=quote.price, low=quote.low, high=quote.high).label
