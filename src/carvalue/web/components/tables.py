"""Tables that a spreadsheet program can open without running a formula (CSV injection).

A cell of an uploaded file or of an advertisement may begin like a formula. Both the download and the toolbar
of a shown table export such cells, so both use escaped text. The rules follow OWASP, "CSV Injection".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import streamlit as st

# `=`, `+`, `-`, `@` and their full-width forms, also after white space; a leading tab or line end
_FORMULA = "^[\\s\\x00\u200b\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
_NUMBER = r"^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *$"


def show_table(rows: pl.DataFrame | Sequence[Mapping[str, object]], **options: Any) -> None:
    """Show a table whose export holds no formula.

    Args:
        rows: A frame, or rows with the same keys in the same order; keys are the column titles.
        **options: Passed on to `st.dataframe`, such as `column_config`.
    """
    table = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(list(rows))
    st.dataframe(escape_formulas(table), hide_index=True, width="stretch", **options)


def spreadsheet_csv(table: pl.DataFrame) -> str:
    r"""Write a table as CSV in which no cell and no column name is a formula.

    Args:
        table: Columns of any type.

    Returns:
        The CSV with a header line. Texts are quoted, so that a spreadsheet program that separates cells by
        semicolons does not split them.

    Examples:
        >>> print(spreadsheet_csv(pl.DataFrame({"note": ["=1+1", "blue"], "price": [24047, 18500]})))
        "note","price"
        "'=1+1",24047
        "blue",18500
        <BLANKLINE>
    """
    return escape_formulas(table).write_csv(quote_style="non_numeric")


def escape_formulas(table: pl.DataFrame) -> pl.DataFrame:
    """Escape the texts and the column names of a table that a spreadsheet would evaluate.

    Args:
        table: Columns of any type.

    Returns:
        The same rows. Numbers, dates and booleans are unchanged, every other column is text.
    """
    text = pl.col(pl.String)
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    escaped = _with_texts(table).with_columns(
        pl.when(is_formula).then(text.str.replace("^", "'")).otherwise(text)
    )
    names: list[str] = []
    for name in table.columns:
        names.append(unused_name(escape_formula(name), taken=names))
    return escaped.rename(dict(zip(table.columns, names, strict=True)))


def escape_formula(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would evaluate as a formula.

    Args:
        text: One cell or one column name.

    Returns:
        The text; with an apostrophe before it if it begins like a formula and is not a number.

    Examples:
        >>> escape_formula(" =HYPERLINK(A1)"), escape_formula("-5"), escape_formula("f-150")
        ("' =HYPERLINK(A1)", '-5', 'f-150')
    """
    return f"'{text}" if re.search(_FORMULA, text) and not re.search(_NUMBER, text) else text


def unused_name(name: str, *, taken: Sequence[str]) -> str:
    """Return a column name that no other column has.

    Args:
        name: The name to prefer.
        taken: Names of the other columns.

    Returns:
        `name`, or `name_2`, `name_3` and so on if it is taken.

    Examples:
        >>> unused_name("price", taken=["price", "price_2"])
        'price_3'
    """
    number, unused = 1, name
    while unused in taken:
        number += 1
        unused = f"{name}_{number}"
    return unused


def _with_texts(table: pl.DataFrame) -> pl.DataFrame:
    """Turn categories, lists, structs and bytes into text: CSV has no other type for them."""
    kept = (pl.String, pl.Boolean, pl.Null)
    others = [
        name
        for name, kind in table.schema.items()
        if not (kind.is_numeric() or kind.is_temporal() or kind in kept)
    ]
    return table.with_columns(
        pl.Series(name, [None if value is None else str(value) for value in table[name].to_list()], pl.String)
        for name in others
    )
