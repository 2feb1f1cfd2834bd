"""Named changes of traffic, as a person types them: `odometer*1.3@2000`, `fuel=electric~5%@1000-3000`."""

import re
from dataclasses import dataclass
from random import Random

from carvalue.errors import AppError
from carvalue.listings import FIELD_BY_NAME, Field, NumberField, Value

FORM = re.compile(
    r"(?P<field>\w+)(?P<change>[*+=-])(?P<value>[^@~]*)(~(?P<share>[\d.]+)%)?@(?P<start>\d+)(-(?P<end>\d+))?"
)
EXPECTED = (
    "FIELD*2, FIELD+2, FIELD-2, FIELD=WORD or FIELD= (missing), then ~SHARE% if not all, then @FROM[-TO]"
)


class InvalidDrift(AppError):
    """A drift that cannot be read: says what came and what is expected."""

    status, hint = 422, "For example --drift 'odometer*1.3@2000' --drift 'fuel=electric~5%@1000-3000'."


@dataclass(frozen=True, kw_only=True)
class SimulatedDrift:
    """One change of one field.

    Attributes:
        field: what changes.
        change: `*`, `+`, `-` or `=`.
        value: by or to what; empty for missing.
        share: of the requests.
        start: the first request that may change, counted from 0.
        end: the first that may not any more; None: all that follow.
    """

    field: Field
    change: str
    value: str
    share: float
    start: int
    end: int | None

    def applied(self, listing: dict[str, Value], *, number: int, random: Random) -> dict[str, Value]:
        """Change a request, if it is one of those that change."""
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
        by = float(self.value)
        moved = value * by if self.change == "*" else value + (by if self.change == "+" else -by)
        return min(max(round(moved), self.field.minimum), self.field.maximum)


def parse_drift(text: str) -> SimulatedDrift:
    """Read what a person typed.

    Raises:
        InvalidDrift: says what came and what is expected.
    """
    found = FORM.fullmatch(text.strip())
    field = FIELD_BY_NAME.get(found["field"]) if found else None
    if not found or field is None:
        fields = ", ".join(FIELD_BY_NAME)
        raise InvalidDrift(f"--drift {text!r}: expected {EXPECTED}, with FIELD one of {fields}.")
    _check_value(text, field, change=found["change"], value=found["value"])
    share = float(found["share"] or 100) / 100
    end = int(found["end"]) if found["end"] else None
    return SimulatedDrift(
        field=field,
        change=found["change"],
        value=found["value"],
        share=share,
        start=int(found["start"]),
        end=end,
    )


def _check_value(text: str, field: Field, *, change: str, value: str) -> None:
    is_number = isinstance(field, NumberField)
    if change != "=" and not is_number:
        raise InvalidDrift(f"--drift {text!r}: {field.name} is a word, expected {field.name}=WORD.")
    if is_number and (value or change != "=") and not re.fullmatch(r"\d+(\.\d+)?", value):
        raise InvalidDrift(f"--drift {text!r}: {value!r} is no number.")
