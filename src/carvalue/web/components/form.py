"""The form of a car, derived from the listing schema: one widget per field, with its error below it.

It is not an `st.form`: inside one, the suggested models could not depend on the make. The address of the page
holds the entries, so that a filled form survives a reload. A copy in the session survives visits to other
pages. The widgets are not bound to the address: the browser's Back button brings back a bare one, which would
empty them.
"""

from collections.abc import Mapping

import streamlit as st

from carvalue.listings import FIELDS, MARKET, CategoryField, Field, Listing, NumberField, Value, parse_number
from carvalue.web.components.formatting import (
    choice_name,
    complete_word,
    escape_markdown,
    make_name,
    similar_words,
)
from carvalue.web.components.number_entry import is_whole_number

COLUMNS = 2
NOT_KNOWN = "Not known"
ENTRIES = "entries"  # key of the copy in the session: Streamlit drops the widgets of a page that is left
UNRESOLVED = "one of the suggestions"


def chosen_make() -> str | None:
    """Read the make before the form is drawn.

    Returns:
        The make of the form; None if there is none.
    """
    make: str | None = st.session_state.get("manufacturer")
    return make


def fill_form(listing: Listing) -> None:
    """Fill the form. Call it before the form is drawn, or in a callback.

    Args:
        listing: The car; fields that it lacks become empty.
    """
    for field in FIELDS:
        value = listing.get(field.name)
        is_text = isinstance(field, NumberField)
        st.session_state[field.name] = ("" if value is None else str(value)) if is_text else value
        st.session_state.pop(_similar(field.name), None)
    st.session_state[ENTRIES] = {field.name: st.session_state[field.name] for field in FIELDS}


def open_entries() -> tuple[str, ...]:
    """Restore the form of this session, or fill a new one from the address; called before the form is drawn.

    Returns:
        Labels of the fields whose value in the address cannot be used.
    """
    unusable: list[str] = []
    if ENTRIES not in st.session_state:
        linked = {field.name: _from_link(field) for field in FIELDS if field.name in st.query_params}
        unusable = [field.label for field in FIELDS if field.name in linked and linked[field.name] is None]
        fill_form({name: value for name, value in linked.items() if value is not None})
    for name, value in st.session_state[ENTRIES].items():
        if name not in st.session_state:
            st.session_state[name] = value
    return tuple(unusable)


def remember_entries() -> None:
    """Copy the entries of the form to the session and to the page's address."""
    entries = {field.name: st.session_state[field.name] for field in FIELDS if field.name in st.session_state}
    st.session_state[ENTRIES] = entries
    for name, value in entries.items():
        if value and st.query_params.get(name) != value:
            st.query_params[name] = value
        elif not value:
            st.query_params.pop(name, None)


def _from_link(field: Field) -> str | None:
    text = " ".join(st.query_params[field.name].split())
    if isinstance(field, NumberField):
        number = parse_number(text)
        return text if is_whole_number(number, minimum=field.minimum, maximum=field.maximum) else None
    if field.is_open:
        return text.lower() or None
    return next((choice for choice in field.choices if choice.lower() == text.lower()), None)


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


def unresolved_names(suggestions: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Find a make or model that is perhaps a typing error, so that it is not priced before the visitor chose.

    Args:
        suggestions: Suggestions for the fields that accept any text, by field name.

    Returns:
        What is expected instead, by field name.
    """
    return {
        name: UNRESOLVED
        for name in ("manufacturer", "model")
        if not st.session_state.get(_similar(name))
        and st.session_state.get(_kept(name)) != (text := st.session_state.get(name))
        and similar_words(text, suggestions.get(name, ()))
    }


def show_form(*, suggestions: Mapping[str, tuple[str, ...]], expected: Mapping[str, str]) -> None:
    """Show every field.

    Args:
        suggestions: Suggestions for the fields that accept any text, by field name.
        expected: What is expected of the fields that cannot be used, by field name.
    """
    main = [field for field in FIELDS if field.main]
    others = [field for field in FIELDS if not field.main]
    _grid(main, suggestions, expected)
    wrong = any(field.name in expected for field in others)
    with st.expander(
        f"More about the {MARKET.vehicle}. More details make the price range narrower.", expanded=wrong
    ):
        _grid(others, suggestions, expected)


def _grid(
    fields: list[Field], suggestions: Mapping[str, tuple[str, ...]], expected: Mapping[str, str]
) -> None:
    for start in range(0, len(fields), COLUMNS):  # by row, which is the order on a phone
        for field, column in zip(fields[start : start + COLUMNS], st.columns(COLUMNS), strict=False):
            with column:
                _widget(field, suggestions.get(field.name, ()))
                if field.name in expected:
                    # by this key, the browser links the text to its field for screen readers
                    with st.container(key=f"error-{field.name}"):
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
            return (
                f"Enter a whole number from {field.minimum} to {field.maximum}. Older {MARKET.vehicles} are "
                "collectors' items: auction results tell more about them than advertisements."
            )
        return f"Enter a whole number from {field.minimum:,} to {field.maximum:,}, for example 80,000 or 80k."
    if expected == UNRESOLVED:
        return "Choose one of the suggestions, or keep what you typed."
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
    )
    typed = st.session_state[field.name]
    similar = similar_words(typed, suggestions)
    if similar and st.session_state.get(_kept(field.name)) != typed:
        # the select box puts "Add: ..." before the suggestions that begin with what was typed
        st.pills(
            "Not in the list. Did you mean:",
            (*similar, typed),
            format_func=lambda choice: (
                f"Keep \N{LEFT DOUBLE QUOTATION MARK}{typed}\N{RIGHT DOUBLE QUOTATION MARK}"
                if choice == typed
                else display(choice)
            ),
            key=_similar(field.name),
            on_change=_choose_similar,
            args=(field.name,),
        )


def _complete(name: str, suggestions: tuple[str, ...]) -> None:
    """Complete a make or a model, and clear the model of the previous make."""
    typed, word = st.session_state[name], complete_word(st.session_state[name], suggestions)
    # written only if changed: writing replaces what was typed in the meantime
    if word != typed:
        st.session_state[name] = word
    if name == "manufacturer" and st.session_state.get("model") is not None:
        st.session_state["model"] = None


def _choose_similar(name: str) -> None:
    chosen, typed = st.session_state[_similar(name)], st.session_state[name]
    if chosen == typed:
        st.session_state[_kept(name)] = typed
        return
    st.session_state[name] = chosen
    _complete(name, ())


def _kept(name: str) -> str:
    return f"kept {name}"


def _similar(name: str) -> str:
    return f"similar {name}"


def _label(field: Field) -> str:
    unit = f" ({field.unit})" if isinstance(field, NumberField) and field.unit != "year" else ""
    return f"{field.label}{unit}"
