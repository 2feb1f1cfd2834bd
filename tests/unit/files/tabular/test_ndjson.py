"""NDJSON lines become rows of text; an invalid line becomes a row with the reason."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carvalue.files.tabular.ndjson import MAX_LINE_BYTES, PARSE_ERROR, read_lines
from carvalue.listings.schema import ALIASES

COLUMNS = ("manufacturer", "year")


def rows_of(folder: Path, content: bytes) -> list[dict[str, str | None]]:
    (folder / "a.ndjson").write_bytes(content)
    batches = read_lines(folder / "a.ndjson", columns=COLUMNS, rows=2, aliases=ALIASES)
    return [row for batch in batches for row in batch.to_dicts()]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b'{"year": 2012, "other": {}}', (None, "2012")),
        (b'{"make": "KIA", "year": 2012.0}', ("KIA", "2012.0")),
        (b'{"manufacturer": null, "year": "2012"}', (None, "2012")),
        (b'{"year": 1e309}', (None, "inf")),
        (b'{"manufacturer": "a\\u0000\\ud800"}', ("a\x00?", None)),
        (b"{}", (None, None)),
    ],
)
def test_a_line_becomes_a_row_of_text(tmp_path: Path, line: bytes, row: tuple[str | None, ...]) -> None:
    (read,) = rows_of(tmp_path, line)

    assert (read["manufacturer"], read["year"], read[PARSE_ERROR]) == (*row, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "the line is not JSON: Expecting property name"),
        (b'{"year": NaN}', "the line holds NaN"),
        (b'{"year": 1, "year": 2}', 'the line gives "year" twice'),
        (b'{"make": "a", "manufacturer": "b"}', "the line gives both make and manufacturer"),
        (b'{"year": true}', "the line gives year as true: expected a text or a number"),
        (b'{"year": [2012]}', "the line gives year as a list"),
        (b'{"make": {}}', "the line gives manufacturer as an object"),
        (b"[1]", "the line is no object"),
        (b"[" * 100_000, "the line is nested too deeply"),
        (b'{"make": "\xff"}', "the line is not UTF-8: byte 10"),
        (b'"' + b"x" * (3 * MAX_LINE_BYTES) + b'"', "the line is longer than 1 MiB"),
    ],
)
def test_a_line_that_is_no_listing_keeps_its_place(tmp_path: Path, line: bytes, reason: str) -> None:
    rows = rows_of(tmp_path, b'{"year": 1}\n\n' + line + b'\r\n{"year": 3}')

    assert [row["year"] for row in rows] == ["1", None, "3"]
    assert (rows[1][PARSE_ERROR] or "").startswith(reason)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_rows(tmp_path: Path, content: bytes) -> None:
    rows = rows_of(tmp_path, content)

    assert len(rows) == sum(bool(line.strip()) for line in content.split(b"\n"))
