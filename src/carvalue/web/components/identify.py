"""Identifies a car: fills the form from a VIN or from the text of an advertisement, and picks the trim."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from carvalue.api import MissingAnswer, Trim
from carvalue.errors import AppError
from carvalue.listings import CURRENCY, FIELD_BY_NAME, MARKET
from carvalue.listings.recognition import Advertisement, InvalidVin, read_advertisement, read_vin
from carvalue.web.components.form import fill_form
from carvalue.web.components.formatting import choice_name, escape_markdown, format_dollars, model_name
from carvalue.web.components.missing import likely_values

ModelsOf = Callable[[str], Sequence[str]]
NOTICE = "identified"  # key in the session: what was found, and whether it worked
CORRECTIONS = "vin corrections"


def show_vin_entry() -> None:
    """Show a field for a VIN, which fills the form; a typing error is answered with the likely numbers."""
    st.text_input(
        "VIN (optional)",
        key="vin",
        max_chars=30,
        placeholder="17 letters and digits: fills the form",
        help="The vehicle identification number stands on the title and on the driver's door frame. It is "
        "decoded here and neither stored nor sent anywhere.",
        on_change=_fill_from_vin,
    )
    with st.container():
        if corrections := st.session_state.get(CORRECTIONS):
            st.pills("Did you mean:", corrections, key="vin correction", on_change=_take_correction)
        _show_notice("vin")


def show_advertisement_entry(*, makes: Sequence[str], models_of: ModelsOf) -> None:
    """Show a field for the text of an advertisement, which fills the form and the asking price.

    Args:
        makes: Known makes.
        models_of: Returns the known models of a make.
    """
    with st.expander("Paste the text of an advertisement", icon=":material/content_paste:"):
        st.text_area(
            "Text of the advertisement",
            key="advertisement",
            placeholder="2015 Ford F-150 XLT - $23,500 (Austin, TX), 80k miles, clean title, 4x4",
        )
        st.button("Fill the form from the text", on_click=_fill_from_text, args=(makes, models_of))
    with st.container():
        _show_notice("advertisement")


def show_trims(trims: Sequence[Trim], *, prices: Mapping[str, int]) -> None:
    """Show the trims of the model of the form; a chosen one is added to the model.

    Args:
        trims: The trims, the most frequent first.
        prices: Price of the car with each trim, in dollars; empty if the car is not known well enough.
    """
    model = str(st.session_state.get("model") or "")
    others = [trim for trim in trims if trim.name not in model.lower().split()]
    if not others:
        return
    labels = {trim.name: _trim_label(trim, prices.get(trim.name)) for trim in others}
    st.pills(
        "Trim: it often decides the price",
        list(labels),
        format_func=labels.__getitem__,
        key=f"trim {model}",
        on_change=_add_trim,
        args=(model,),
    )


def _trim_label(trim: Trim, price: int | None) -> str:
    return _label(model_name(trim.name), trim.share, price)


def _label(name: str, share: float, price: int | None) -> str:
    parts = [name, f"{share:.0%} of these {MARKET.vehicles}"]
    return " \N{MIDDLE DOT} ".join(parts if price is None else [*parts, format_dollars(price)])


def show_versions(missing: Sequence[MissingAnswer]) -> None:
    """Show the versions of the model, such as its engines; a chosen one is entered in the form.

    Args:
        missing: The empty fields of the form, with the price of each value.
    """
    by_field = {answer.field: answer for answer in missing}
    for answer in (by_field[name] for name in MARKET.versions if name in by_field):
        values = likely_values(answer)
        if len(values) > 1:
            labels = {
                str(item.value): _label(choice_name(str(item.value)), item.share or 0, item.price)
                for item in values
            }
            st.pills(
                FIELD_BY_NAME[answer.field].label,
                list(labels),
                format_func=labels.__getitem__,
                key=_version_key(answer.field),
                on_change=_enter_version,
                args=(answer.field,),
            )


def _version_key(field: str) -> str:
    return f"version {field} {st.session_state.get('model') or ''}"


def _enter_version(field: str) -> None:
    if value := st.session_state.get(_version_key(field)):
        st.session_state[field] = value


def describe_advertisement(found: Advertisement) -> str:
    """Say what was read in an advertisement.

    Args:
        found: What was found.

    Returns:
        A sentence in Markdown.
    """
    values = [
        f"{FIELD_BY_NAME[name].label.lower()} **{escape_markdown(choice_name(str(value)))}**"
        for name, value in found.listing.items()
    ]
    if found.asking is not None:
        values.append(f"asking price **{escape_markdown(CURRENCY.format(found.asking))}**")
    if not values:
        return f"Nothing was recognized. Enter the {MARKET.vehicle} by hand."
    return f"Read: {', '.join(values)}. Check the form: a rule can misread a text."


def _fill_from_vin() -> None:
    text = str(st.session_state["vin"]).strip()
    st.session_state.update({NOTICE: None, CORRECTIONS: ()})
    if not text:
        return
    try:
        reading = read_vin(text)
    except InvalidVin as error:
        st.session_state.update({NOTICE: ("vin", False, error.message), CORRECTIONS: error.corrections})
    except AppError as error:
        st.session_state[NOTICE] = ("vin", False, str(error))
    else:
        kept = {
            name: st.session_state.get(name) for name in ("odometer", "condition", "state", "title_status")
        }
        fill_form({name: value for name, value in kept.items() if value} | dict(reading.listing))
        car = f"{reading.listing['year']} {reading.listing['manufacturer']} {reading.listing['model']}"
        st.session_state[NOTICE] = ("vin", True, f"This VIN belongs to a {escape_markdown(model_name(car))}.")


def _take_correction() -> None:
    chosen = st.session_state.get("vin correction")
    if chosen:
        st.session_state["vin"] = chosen
        _fill_from_vin()


def _fill_from_text(makes: Sequence[str], models_of: ModelsOf) -> None:
    recognized = read_advertisement(str(st.session_state["advertisement"]), makes=makes, models_of=models_of)
    fill_form(recognized.listing)
    st.session_state.update({"vin": "", CORRECTIONS: ()})
    st.session_state["asking"] = "" if recognized.asking is None else f"{recognized.asking:,}"
    st.session_state[NOTICE] = ("advertisement", bool(recognized.listing), describe_advertisement(recognized))


def _add_trim(model: str) -> None:
    trim = st.session_state.get(f"trim {model}")
    if trim:
        st.session_state["model"] = f"{model} {trim}"


def _show_notice(where: str) -> None:
    notice = st.session_state.get(NOTICE)
    if notice and notice[0] == where:
        (st.success if notice[1] else st.warning)(notice[2])
