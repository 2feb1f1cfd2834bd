"""Entries are encoded and decoded by msgspec: as `json` and the validation of each field would do it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from carvalue.journal.entries import JournalEntry
from carvalue.journal.framing import RecordUnreadable, compact_json, frame
from factories import an_entry

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
WRONG: dict[str, Any] = {
    "quote_id": "A" * 32,
    "quoted_at": "1021-05-04T12:00:00+00:00",
    "model_version": "",
    "price": 0,
    "low": -1,
    "high": 2**31,
    "warnings": [1],
    "listing": {"options": ["leather"]},
    "client": "two words",
    "route": "PAGE",
    "trace_id": "0" * 31 + "\n",
}


@given(VALUES)
def test_values_are_encoded_as_the_json_package_does(value: object) -> None:
    assert compact_json(value) == json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("text", ["\x7f", "citroën", "\ud800", '"\\/\b\f\n\r\t\x00', "\u2028", "😀"])
def test_texts_are_encoded_as_the_json_package_does(text: str) -> None:
    assert compact_json({text: text}) == json.dumps({text: text}, separators=(",", ":")).encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact_json({"listing": {"odometer": number}})


def test_a_line_is_compact_ascii_json_with_its_checksum() -> None:
    entry = an_entry(7, listing={"model": "citroën", "year": 2015, "odometer": 1e-7, "state": None})
    corrected = replace(entry, calibrated_low=0, calibrated_high=9_000)
    values = corrected.as_row() | {"quoted_at": entry.quoted_at.isoformat()}

    assert corrected.as_line() == frame(json.dumps(values, separators=(",", ":")).encode())
    del values["calibrated_low"], values["calibrated_high"]  # most quotes have no corrected range
    assert entry.as_line() == frame(json.dumps(values, separators=(",", ":")).encode())
    assert [JournalEntry.from_line(item.as_line()) for item in (entry, corrected)] == [entry, corrected]


@pytest.mark.parametrize("field", WRONG)
def test_a_line_with_a_right_checksum_and_a_wrong_field_is_refused(field: str) -> None:
    values = an_entry(7).as_row() | {"quoted_at": an_entry(7).quoted_at.isoformat()}

    with pytest.raises(RecordUnreadable, match=field):
        JournalEntry.from_line(frame(json.dumps(values | {field: WRONG[field]}).encode()))
