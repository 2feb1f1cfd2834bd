"""Says which empty field of the form would help most to know the price."""

from collections.abc import Sequence

import streamlit as st

from carvalue.api import MissingAnswer, PossibleValue
from carvalue.listings import FIELD_BY_NAME, MARKET
from carvalue.web.components.formatting import choice_name, escape_markdown, format_dollars

TRIM = "trim"
WORTH_ASKING = 0.03  # share by which the range has to get narrower
OFFERED_BY_NAME = (TRIM, *MARKET.asked)
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
    moving = [answer for answer in missing if answer.field in OFFERED_BY_NAME and answer.values]
    if moving:
        most = max(moving, key=lambda answer: max(_prices(answer)) / min(_prices(answer)))
        low, high = (choose(most.values, key=_price) for choose in (min, max))
        lines.append(
            f"Enter the **{_label(most.field)}**: the price lies between {format_dollars(low.price)} "
            f"({_name(low)}) and {format_dollars(high.price)} ({_name(high)})."
        )
    return lines


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


def _prices(answer: MissingAnswer) -> list[int]:
    return [value.price for value in answer.values]


def _name(value: PossibleValue) -> str:
    return escape_markdown(choice_name(str(value.value)))
