"""The fields of a listing as a market description declares them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

EQUIPMENT = "equipment"
"""The explanation group of a field that names no other: adding a field does not add a group."""

Value = str | float | int | None
Listing = Mapping[str, Value]
"""One car for sale, field name to value; an absent field and None both mean that the value is not known."""


@dataclass(frozen=True, kw_only=True)
class NumberField:
    """A whole-number field with its unit and the range of plausible values.

    Attributes:
        name: The column name.
        label: The text of the label in the web form.
        unit: The unit of the value, for example `miles`.
        minimum: The smallest accepted value.
        maximum: The largest accepted value.
        help: One sentence that explains the field to users.
        required: Whether every listing must have a value.
        monotone: 1 if a larger value never lowers the price, -1 if it never raises it, 0 if it may do both.
        step: Typical values are rounded to a multiple of it.
        group: The explanation group, whose fields move the price together.
        phrase: Format of a value in sentences, with `{value}`; without one, the value and its unit.
        pattern: Regular expression for texts that are more than a number; its first group is the number.
        headers: Names of the column in tables of other people, as lower-case letters.
        main: Whether the web form shows the field at once, because it moves prices most.
        kind: Tells number and category fields apart in a description.

    Example:
        >>> from carvalue.listings import FIELD_BY_NAME
        >>> odometer = FIELD_BY_NAME["odometer"]
        >>> odometer.unit, odometer.minimum, odometer.maximum, odometer.required
        ('miles', 0, 400000, False)
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    label: str
    unit: str
    minimum: int
    maximum: int
    help: str
    required: bool = False
    monotone: Literal[-1, 0, 1] = 0
    step: int = 1
    group: str = EQUIPMENT
    phrase: str = ""
    pattern: str = ""
    headers: tuple[str, ...] = ()
    main: bool = False
    kind: Literal["number"] = "number"


@dataclass(frozen=True, kw_only=True)
class CategoryField:
    """A categorical field: one value of a closed vocabulary, or any text where `choices` is empty.

    Attributes:
        name: The column name.
        label: The text of the label in the web form.
        help: One sentence that explains the field to users.
        choices: The accepted values; empty for an open vocabulary.
        required: Whether every listing must have a value.
        group: The explanation group, whose fields move the price together.
        phrase: Format of a value in sentences, with `{value}`.
        aliases: Other spellings of a value, lower case, to the value; read in files and requests.
        headers: Names of the column in tables of other people, as lower-case letters.
        main: Whether the web form shows the field at once, because it moves prices most.
        kind: Tells number and category fields apart in a description.

    Example:
        >>> from carvalue.listings import FIELD_BY_NAME
        >>> FIELD_BY_NAME["fuel"].choices
        ('gas', 'diesel', 'hybrid', 'electric', 'other')
        >>> FIELD_BY_NAME["fuel"].is_open, FIELD_BY_NAME["model"].is_open
        (False, True)
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False
    group: str = EQUIPMENT
    phrase: str = "{value}"
    aliases: Mapping[str, str] = field(default_factory=dict, compare=False)
    headers: tuple[str, ...] = ()
    main: bool = False
    kind: Literal["category"] = "category"

    @property
    def is_open(self) -> bool:
        """Whether any text is accepted."""
        return not self.choices


Field = NumberField | CategoryField
