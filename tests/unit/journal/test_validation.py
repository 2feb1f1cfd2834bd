"""The limits of a journal entry's fields: what is just valid, and what is just not."""

from math import inf, nan

import pytest

from carvalue.journal.validation import MAX_PRICE, InvalidEntry, validate_fields
from factories import an_entry

LARGEST = 2**63 - 1


def validated(**values: object) -> None:
    validate_fields(an_entry().as_row() | values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("price", price) for price in (1, MAX_PRICE)),
        *((bound, price) for bound in ("low", "high") for price in (0, MAX_PRICE)),
        *(("calibrated_low", price) for price in (None, 0, MAX_PRICE)),
        *(("listing", {"odometer": number}) for number in (-LARGEST - 1, LARGEST, 0.5, None, "citroën")),
        *(("trace_id", text) for text in (None, "0" * 32)),
    ],
)
def test_the_last_valid_value_is_accepted(field: str, value: object) -> None:
    validated(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("price", price) for price in (0, MAX_PRICE + 1, 1.0, True)),
        *((bound, price) for bound in ("low", "high") for price in (-1, MAX_PRICE + 1, None)),
        *(("calibrated_low", price) for price in (-1, MAX_PRICE + 1)),
        *(
            ("listing", {"odometer": number})
            for number in (-LARGEST - 2, LARGEST + 1, nan, inf, "\0", "\ud800")
        ),
        *(("trace_id", text) for text in ("0" * 31, "0" * 33, "A" * 32)),
    ],
)
def test_the_first_invalid_value_is_refused_with_its_field_and_type(field: str, value: object) -> None:
    with pytest.raises(InvalidEntry, match=rf"^{field} is not .*; it is of the type {type(value).__name__}$"):
        validated(**{field: value})


def test_a_field_that_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(InvalidEntry, match=r"^price is missing$"):
        validate_fields({name: value for name, value in an_entry().as_row().items() if name != "price"})
    with pytest.raises(InvalidEntry, match=rf"^the field '{'x' * 40}' is unknown to this release$"):
        validated(**{"x" * 41: 1})
