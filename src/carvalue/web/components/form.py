"""The form, derived from the listing schema: one widget per field, what is wrong with it beside it.

It is not an `st.form`: inside one, the models could not follow the make. Every widget is bound to the address
of the page, so that a filled form survives a reload and can be shared as a link.
"""

from collections.abc import Mapping

import streamlit as st

from carvalue.listings import FIELDS, CategoryField, Field, Listing, NumberField, Value
from carvalue.web.components.formatting import (
    choice_name,
    complete_word,
    escape_markdown,
    make_name,
    similar_words,
)
from carvalue.web.components.numbers import is_whole_number, parse_number

FOREMOST = ("manufacturer", "model", "year", "odometer", "condition", "state")  # what moves a price most
COLUMNS = 2
NOT_KNOWN = "Not known"


def chosen_make() -> str | None:
    """Give the make as it stands in the form, before the form is drawn."""
    make: str | None = st.session_state.get("manufacturer") or st.query_params.get("manufacturer")
    return make


def entered_listing() -> Listing:
    """Return what stands in the form; an empty field is absent, a number that cannot be read is text."""
    # a suggestion that was just taken may not have reached its field: a quick hand presses on at once
    values = {field.name: st.session_state.get(_similar(field.name)) or _entered(field) for field in FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def invalid_numbers(listing: Listing) -> Mapping[str, str]:
    """Find the numbers of a listing that cannot be used.

    Args:
        listing: What was entered.

    Returns:
        What is expected instead, by field name.
    """
    return {
        field.name: f"a whole number from {field.minimum} to {field.maximum}"
        for field in FIELDS
        if isinstance(field, NumberField)
        and listing.get(field.name) is not None
        and not is_whole_number(listing[field.name], minimum=field.minimum, maximum=field.maximum)
    }


def show_form(*, offers: Mapping[str, tuple[str, ...]], expected: Mapping[str, str]) -> None:
    """Draw every field.

    Args:
        offers: suggestions for the fields that take any text, by field name.
        expected: what the service expects of the fields that it refused, by field name.
    """
    foremost = [field for field in FIELDS if field.name in FOREMOST]
    others = [field for field in FIELDS if field.name not in FOREMOST]
    _grid(foremost, offers, expected)
    wrong = any(field.name in expected for field in others)
    with st.expander("More about the car: the more is known, the closer the price", expanded=wrong):
        _grid(others, offers, expected)


def _grid(fields: list[Field], offers: Mapping[str, tuple[str, ...]], expected: Mapping[str, str]) -> None:
    for start in range(0, len(fields), COLUMNS):  # row by row: on a phone the columns fold into this order
        for field, column in zip(fields[start : start + COLUMNS], st.columns(COLUMNS), strict=False):
            with column:
                _widget(field, offers.get(field.name, ()))
                if field.name in expected:
                    st.markdown(f":small[:red[{_correction(field, expected[field.name])}]]")


def _widget(field: Field, offered: tuple[str, ...]) -> None:
    if isinstance(field, NumberField):
        _number(field)
    elif field.is_open:
        _any_text(field, offered)
    else:
        _choice(field)


def _correction(field: Field, expected: str) -> str:
    """Return what a visitor has to enter in a field."""
    if isinstance(field, NumberField):
        if field.unit == "year":
            return f"Enter a whole number from {field.minimum} to {field.maximum}."
        return f"Enter a whole number from {field.minimum:,} to {field.maximum:,}, for example 80,000 or 80k."
    return f"Expected: {escape_markdown(expected)}"


def _number(field: NumberField) -> None:
    # text: a number input of the browser drops what it cannot read, and the price would ignore the entry
    st.text_input(
        _label(field),
        key=field.name,
        help=field.help,
        placeholder="Such as 2015" if field.required else NOT_KNOWN,
        bind="query-params",
    )


def _entered(field: Field) -> Value:
    value: str | None = st.session_state.get(field.name)
    if value is None or not isinstance(field, NumberField):
        return value
    number = parse_number(value)
    return number if number is not None else value.strip() or None


def _choice(field: CategoryField) -> None:
    st.selectbox(
        _label(field),
        field.choices,
        index=None,
        format_func=choice_name,
        key=field.name,
        help=field.help,
        placeholder=NOT_KNOWN,
        bind="query-params",
    )


def _any_text(field: CategoryField, offered: tuple[str, ...]) -> None:
    name = make_name if field.name == "manufacturer" else str
    st.selectbox(
        _label(field),
        offered,
        index=None,
        format_func=name,
        key=field.name,
        help=field.help,
        placeholder="Choose or type" if field.required else NOT_KNOWN,
        accept_new_options=True,
        filter_mode="contains",
        on_change=_settle,
        args=(field.name, offered),
        bind="query-params",
    )
    similar = similar_words(st.session_state[field.name], offered)
    if similar:
        # the select offers to add a half-typed word before it offers what begins with it
        st.pills(
            "Not in the list. Did you mean:",
            similar,
            format_func=name,
            key=_similar(field.name),
            on_change=_take_similar,
            args=(field.name,),
        )


def _settle(name: str, offered: tuple[str, ...]) -> None:
    if name != "manufacturer":
        return
    typed, make = st.session_state[name], complete_word(st.session_state[name], offered)
    # only what changes is written: a written value replaces what a quick hand has typed meanwhile
    if make != typed:
        st.session_state[name] = make
    if st.session_state.get("model") is not None:
        st.session_state["model"] = None  # it was another make's


def _take_similar(name: str) -> None:
    st.session_state[name] = st.session_state[_similar(name)]
    _settle(name, ())


def _similar(name: str) -> str:
    return f"similar {name}"


def _label(field: Field) -> str:
    unit = f" ({field.unit})" if isinstance(field, NumberField) and field.unit != "year" else ""
    return f"{field.label}{unit}"
