"""Fields for numbers, which people may type as they like: 9,500 and 9.5k are the same amount."""

import streamlit as st

from carvalue.listings import CURRENCY, parse_number


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
        st.markdown(f":small[:red[Enter whole {CURRENCY.name} from 1 to {maximum:,}, for example 9,500.]]")
    return None
