"""Numbers as people type them: 80,000 and 80k are the same mileage."""

import re
from decimal import Decimal

import streamlit as st

_NUMBER = re.compile(
    r"\$? ?(?P<whole>[+-]?(?:[0-9]{1,3}(?:[, ][0-9]{3}){1,4}|[0-9]{1,15}))(?P<decimals>\.[0-9]{1,15})?"
    r" ?(?P<thousands>k)? ?(?:mi|miles)?",
    re.IGNORECASE,
)
_AMBIGUOUS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # 80.000 is eighty thousand to some and eighty to others


def parse_number(text: str) -> int | float | None:
    """Read a number as people type it.

    Args:
        text: Digits, with or without a separator of thousands (a comma or a space), decimals, a `k` for
            thousands, a dollar sign or the word miles.

    Returns:
        The number, an int where it is whole. None if the text is no number, or may mean two numbers.

    Examples:
        >>> parse_number("80,000"), parse_number("80k"), parse_number("$ 23.5k"), parse_number("80000 miles")
        (80000, 80000, 23500, 80000)
        >>> parse_number("80x") is None, parse_number("80.000") is None
        (True, True)
    """
    typed = " ".join(text.split())
    match = _NUMBER.fullmatch(typed)
    if match is None or _AMBIGUOUS.fullmatch(typed):
        return None
    digits = re.sub("[, ]", "", match["whole"]) + (match["decimals"] or "")
    number = Decimal(digits) * (1_000 if match["thousands"] else 1)
    return int(number) if number == number.to_integral_value() else float(number)


def is_whole_number(value: object, *, minimum: int, maximum: int) -> bool:
    """Check whether an entry is a whole number within a range.

    Args:
        value: What was entered.
        minimum: The smallest number that is accepted.
        maximum: The largest number that is accepted.

    Returns:
        True if it is an int from `minimum` to `maximum`.
    """
    return isinstance(value, int) and minimum <= value <= maximum


def dollars_input(
    label: str, *, maximum: int, placeholder: str = "", key: str, bind: bool = False
) -> int | None:
    """Show a field for an amount in whole dollars, and what is wrong with its entry.

    Args:
        label: Label of the field.
        maximum: The largest amount that is accepted; the smallest is one dollar.
        placeholder: What the empty field shows.
        key: Key of the field in the session state, and its name in the address of the page.
        bind: Whether the address of the page keeps the entry.

    Returns:
        The amount in dollars. None if the field is empty or its entry is not accepted.
    """
    text = st.text_input(
        label, key=key, placeholder=placeholder, bind="query-params" if bind else None
    ).strip()
    amount = parse_number(text)
    if isinstance(amount, int) and is_whole_number(amount, minimum=1, maximum=maximum):
        return amount
    if text:
        st.markdown(f":small[:red[Enter whole dollars from 1 to {maximum:,}, for example 9,500.]]")
    return None
