"""Changes of simulated traffic in a short notation: `odometer*1.3@2000`, `fuel=electric~5%@1000-3000`."""

import re
from dataclasses import dataclass
from random import Random

from carvalue.errors import AppError
from carvalue.listings import FIELD_BY_NAME, Field, NumberField, Value

PATTERN = re.compile(
    r"(?P<field>\w+)(?P<change>[*+=-])(?P<value>[^@~]*)(~(?P<share>[\d.]+)%)?@(?P<start>\d+)(-(?P<end>\d+))?"
)
EXPECTED = (
    "FIELD*2, FIELD+2, FIELD-2, FIELD=VALUE or FIELD= (missing), then ~SHARE% for a part of the requests, "
    "then @FROM[-TO]"
)


class InvalidDrift(AppError):
    """The text does not describe a drift; the message holds the text and the expected notation."""

    status, hint = 422, "Examples: --drift 'odometer*1.3@2000' --drift 'fuel=electric~5%@1000-3000'."


@dataclass(frozen=True, kw_only=True)
class SimulatedDrift:
    """One change of one field of the requested listings.

    Attributes:
        field: Field that changes.
        change: Operator: `*`, `+`, `-` or `=`.
        value: Operand as text; empty for a missing value, with `=` only.
        share: Share of the requests that change, from 0 to 1.
        start: Number of the first request that changes, from 0.
        end: Number of the first request that does not change any more; None for no end.
    """

    field: Field
    change: str
    value: str
    share: float
    start: int
    end: int | None

    def apply(self, listing: dict[str, Value], *, number: int, random: Random) -> dict[str, Value]:
        """Change a listing if its request is one of those that change.

        Args:
            listing: Field name -> value; it is not modified.
            number: Number of the request, from 0.
            random: Source of randomness for shares below 1.

        Returns:
            The changed listing, within the limits of the field; the same listing if it does not change.

        Examples:
            >>> drift = parse_drift("odometer*1.3@2000")
            >>> drift.apply({"odometer": 100_000}, number=2_000, random=Random(1))
            {'odometer': 130000}
            >>> drift.apply({"odometer": 100_000}, number=1_999, random=Random(1))
            {'odometer': 100000}
        """
        within = self.start <= number and (self.end is None or number < self.end)
        if not within or random.random() >= self.share:
            return listing
        return listing | {self.field.name: self._changed(listing.get(self.field.name))}

    def _changed(self, value: Value) -> Value:
        if not isinstance(self.field, NumberField):
            return self.value or None
        if self.change == "=":
            return int(self.value) if self.value else None
        if not isinstance(value, int | float):
            return None
        operand = float(self.value)
        changed = (
            value * operand if self.change == "*" else value + (operand if self.change == "+" else -operand)
        )
        return min(max(round(changed), self.field.minimum), self.field.maximum)


def parse_drift(text: str) -> SimulatedDrift:
    """Parse the notation of `--drift`.

    Args:
        text: Such as `odometer*1.3@2000` (from request 2,000 on, 30 % more miles), `year+2@0` or
            `fuel=electric~5%@1000-3000` (5 % of the requests 1,000 to 2,999 are for electric cars).

    Returns:
        The change.

    Raises:
        InvalidDrift: The text does not match the notation, or the field or value is not valid.

    Examples:
        >>> drift = parse_drift("fuel=electric~5%@1000-3000")
        >>> drift.field.name, drift.change, drift.value, drift.share, drift.start, drift.end
        ('fuel', '=', 'electric', 0.05, 1000, 3000)
    """
    match = PATTERN.fullmatch(text.strip())
    field = FIELD_BY_NAME.get(match["field"]) if match else None
    if not match or field is None:
        fields = ", ".join(FIELD_BY_NAME)
        raise InvalidDrift(f"--drift {text!r}: expected {EXPECTED}, with FIELD one of {fields}.")
    _check_value(text, field, change=match["change"], value=match["value"])
    share = float(match["share"] or 100) / 100
    end = int(match["end"]) if match["end"] else None
    return SimulatedDrift(
        field=field,
        change=match["change"],
        value=match["value"],
        share=share,
        start=int(match["start"]),
        end=end,
    )


def _check_value(text: str, field: Field, *, change: str, value: str) -> None:
    is_number = isinstance(field, NumberField)
    if change != "=" and not is_number:
        raise InvalidDrift(f"--drift {text!r}: {field.name} is not a number, expected {field.name}=VALUE.")
    if is_number and (value or change != "=") and not re.fullmatch(r"\d+(\.\d+)?", value):
        raise InvalidDrift(f"--drift {text!r}: expected a number, got {value!r}.")
