"""Says which empty field of the form would help most to know the price."""

from collections.abc import Sequence

import streamlit as st

from carvalue.api import MissingAnswer, PossibleValue
from carvalue.listings import FIELD_BY_NAME, MARKET
from carvalue.web.components.formatting import choice_name, escape_markdown, format_dollars

TRIM = "trim"
WORTH_ASKING = 0.03  # share by which the range has to get narrower
RARE_SHARE = 0.02  # of the training listings of a model: rarer values are often typing errors
OFFERED_BY_NAME = (TRIM, *MARKET.prompted)
"""Fields whose values move prices and that a seller knows."""


def show_missing_answers(missing: Sequence[MissingAnswer]) -> None:
    """Show which empty field would make the price range narrower, and which would move the price most.

    Args:
        missing: The empty fields, the one that narrows the range most first.
    """
    lines = describe_missing_answers(missing)
    if lines:
        st.info("  \n".join(lines), icon=":material/lightbulb:")


def describe_missing_answers(missing: Sequence[MissingAnswer]) -> list[str]:
    r"""Say which empty field would help most.

    Args:
        missing: The empty fields, the one that narrows the range most first.

    Returns:
        At most two sentences in Markdown.

    Examples:
        >>> prices = {"s": 19_800, "raptor": 35_000}
        >>> trims = tuple(
        ...     PossibleValue(value=name, share=None, price=price, low=price - 5_000, high=price + 5_000)
        ...     for name, price in prices.items()
        ... )
        >>> answers = [
        ...     MissingAnswer(field="odometer", narrower=0.36, values=()),
        ...     MissingAnswer(field="trim", narrower=0, values=trims),
        ... ]
        >>> [line.replace("\\", "") for line in describe_missing_answers(answers)]
        ['Enter the **mileage**: the price range gets about 36% narrower.',
         'Enter the **trim**: the price lies between $19,800 (S) and $35,000 (Raptor).']
    """
    lines = []
    if missing and missing[0].narrower >= WORTH_ASKING:
        share = f"{missing[0].narrower:.0%}"
        lines.append(
            f"Enter the **{_label(missing[0].field)}**: the price range gets about {share} narrower."
        )
    offered = {answer.field: _possible(answer) for answer in missing if answer.field in OFFERED_BY_NAME}
    moving = {field: values for field, values in offered.items() if values}
    if moving:
        field = max(moving, key=lambda name: max(_prices(moving[name])) / min(_prices(moving[name])))
        low, high = (choose(moving[field], key=_price) for choose in (min, max))
        lines.append(
            f"Enter the **{_label(field)}**: the price lies between {format_dollars(low.price)} "
            f"({_name(low)}) and {format_dollars(high.price)} ({_name(high)})."
        )
    return lines


def likely_values(answer: MissingAnswer) -> list[PossibleValue]:
    """Select the values of a field that tells versions of a model apart, as training listings have it.

    Args:
        answer: An empty field.

    Returns:
        The most frequent values first; those of fewer than one listing in fifty are left out.

    Examples:
        >>> values = [
        ...     PossibleValue(value=name, share=share, price=9_000, low=8_000, high=10_000)
        ...     for name, share in (("4 cylinders", 0.3), ("6 cylinders", 0.69), ("8 cylinders", 0.01))
        ... ]
        >>> shown = likely_values(MissingAnswer(field="cylinders", narrower=0, values=tuple(values)))
        >>> [item.value for item in shown]
        ['6 cylinders', '4 cylinders']
    """
    frequent = [item for item in answer.values if (item.share or 0) >= RARE_SHARE]
    return sorted(frequent, key=lambda item: -(item.share or 0))


def trim_prices(missing: Sequence[MissingAnswer]) -> dict[str, int]:
    """Collect the prices of the car with each trim.

    Args:
        missing: The empty fields.

    Returns:
        Price in dollars by trim; empty if the model already has a trim.
    """
    values = (value for answer in missing if answer.field == TRIM for value in answer.values)
    return {str(value.value): value.price for value in values}


def _label(field: str) -> str:
    return FIELD_BY_NAME[field].label.lower() if field in FIELD_BY_NAME else field


def _price(value: PossibleValue) -> int:
    return value.price


def _prices(values: Sequence[PossibleValue]) -> list[int]:
    return [value.price for value in values]


def _possible(answer: MissingAnswer) -> Sequence[PossibleValue]:
    return likely_values(answer) if answer.field in MARKET.versions else answer.values


def _name(value: PossibleValue) -> str:
    return escape_markdown(choice_name(str(value.value)))
