"""The form of a car, derived from the listing schema: one widget per field, with its error below it.

It is not an `st.form`: inside one, the suggested models could not depend on the make. Every widget is bound
to the address of the page, so that a filled form survives a reload and can be shared as a link.
"""

from collections.abc import Mapping

import streamlit as st

from carvalue.listings import FIELDS, CategoryField, Field, Listing, NumberField, Value, parse_number
from carvalue.web.components.formatting import (
    choice_name,
    complete_word,
    escape_markdown,
    make_name,
    similar_words,
)
from carvalue.web.components.number_entry import is_whole_number

MAIN_FIELDS = ("manufacturer", "model", "year", "odometer", "condition", "state")  # with the largest effects
COLUMNS = 2
NOT_KNOWN = "Not known"


def chosen_make() -> str | None:
    """Read the make before the form is drawn.

    Returns:
        The make of the form or of the page's address; None if there is none.
    """
    make: str | None = st.session_state.get("manufacturer") or st.query_params.get("manufacturer")
    return make


def entered_listing() -> Listing:
    """Read the form.

    Returns:
        The entered values by field name, without empty fields. A number that cannot be read is a text.
    """
    # a suggestion that was just chosen may not have reached its field when the button is pressed
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


def show_form(*, suggestions: Mapping[str, tuple[str, ...]], expected: Mapping[str, str]) -> None:
    """Show every field.

    Args:
        suggestions: Suggestions for the fields that accept any text, by field name.
        expected: What is expected of the fields that cannot be used, by field name.
    """
    main = [field for field in FIELDS if field.name in MAIN_FIELDS]
    others = [field for field in FIELDS if field.name not in MAIN_FIELDS]
    _grid(main, suggestions, expected)
    wrong = any(field.name in expected for field in others)
    with st.expander("More about the car. More details make the price range narrower.", expanded=wrong):
        _grid(others, suggestions, expected)


def _grid(
    fields: list[Field], suggestions: Mapping[str, tuple[str, ...]], expected: Mapping[str, str]
) -> None:
    for start in range(0, len(fields), COLUMNS):  # by row, which is the order on a phone
        for field, column in zip(fields[start : start + COLUMNS], st.columns(COLUMNS), strict=False):
            with column:
                _widget(field, suggestions.get(field.name, ()))
                if field.name in expected:
                    st.markdown(f":small[:red[{_correction(field, expected[field.name])}]]")


def _widget(field: Field, suggestions: tuple[str, ...]) -> None:
    if isinstance(field, NumberField):
        _number(field)
    elif field.is_open:
        _any_text(field, suggestions)
    else:
        _choice(field)


def _correction(field: Field, expected: str) -> str:
    """Return what a visitor has to enter in a field."""
    if isinstance(field, NumberField):
        if field.unit == "year":
            return f"Enter a whole number from {field.minimum} to {field.maximum}."
        return f"Enter a whole number from {field.minimum:,} to {field.maximum:,}, for example 80,000 or 80k."
    if field.required:
        return f"Choose or type the {field.label.lower()}."
    return f"Expected: {escape_markdown(expected)}"


def _number(field: NumberField) -> None:
    # not a number input: the browser drops what it cannot read, and the price would ignore the entry
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


def _any_text(field: CategoryField, suggestions: tuple[str, ...]) -> None:
    display = make_name if field.name == "manufacturer" else str
    st.selectbox(
        _label(field),
        suggestions,
        index=None,
        format_func=display,
        key=field.name,
        help=field.help,
        placeholder="Choose or type" if field.required else NOT_KNOWN,
        accept_new_options=True,
        filter_mode="contains",
        on_change=_complete,
        args=(field.name, suggestions),
        bind="query-params",
    )
    similar = similar_words(st.session_state[field.name], suggestions)
    if similar:
        # the select box puts "Add: ..." before the suggestions that begin with what was typed
        st.pills(
            "Not in the list. Did you mean:",
            similar,
            format_func=display,
            key=_similar(field.name),
            on_change=_choose_similar,
            args=(field.name,),
        )


def _complete(name: str, suggestions: tuple[str, ...]) -> None:
    """Complete a make, and clear the model of the previous make."""
    if name != "manufacturer":
        return
    typed, make = st.session_state[name], complete_word(st.session_state[name], suggestions)
    # written only if changed: writing replaces what was typed in the meantime
    if make != typed:
        st.session_state[name] = make
    if st.session_state.get("model") is not None:
        st.session_state["model"] = None


def _choose_similar(name: str) -> None:
    st.session_state[name] = st.session_state[_similar(name)]
    _complete(name, ())


def _similar(name: str) -> str:
    return f"similar {name}"


def _label(field: Field) -> str:
    unit = f" ({field.unit})" if isinstance(field, NumberField) and field.unit != "year" else ""
    return f"{field.label}{unit}"
