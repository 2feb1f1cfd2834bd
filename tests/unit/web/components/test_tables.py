"""No exported cell and no exported column name is a formula."""

import csv
from datetime import date
from io import StringIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.web.components import escape_formulas, spreadsheet_csv
from carvalue.web.components.tables import escape_formula

FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\tx",
    "\rx",
    "\n=1",
    "  =1",
    "\xa0@x",
    "\ufeff=1",
    "\uff1d1",
    "-inf",
]
HARMLESS = ["-5", "+1.5", " -5 ", "f-150", "", "a=1", "1e3"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_escaped(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_and_other_texts_are_kept(text: str) -> None:
    assert escape_formula(text) == text


@given(st.text(max_size=6))
def test_a_frame_is_escaped_like_a_single_text(text: str) -> None:
    table = escape_formulas(pl.DataFrame({"note": [text]}))

    assert table["note"].to_list() == [escape_formula(text)]


def test_no_cell_and_no_name_of_the_download_is_a_formula() -> None:
    cells = [*FORMULAS, *HARMLESS]
    table = pl.DataFrame({"make": cells, "=HYPERLINK(1)": cells, " @x": cells, "price": range(len(cells))})

    header, *rows = csv.reader(StringIO(spreadsheet_csv(table)))

    assert header == ["make", "'=HYPERLINK(1)", "' @x", "price"]
    assert [row[0] for row in rows] == [*(f"'{text}" for text in FORMULAS), *HARMLESS]


@pytest.mark.parametrize("kind", [pl.Categorical(), pl.Enum(["=1"])])
def test_categories_are_texts(kind: pl.DataType) -> None:
    table = pl.DataFrame({"note": pl.Series(["=1"], dtype=kind)})

    assert spreadsheet_csv(table) == '"note"\n"\'=1"\n'


def test_any_column_can_be_written() -> None:
    table = pl.DataFrame(
        {"list": [["=1"]], "bytes": [b"x"], "day": [date(2021, 5, 4)], "yes": [True], "none": [None]}
    )

    header, row = csv.reader(StringIO(spreadsheet_csv(table)))

    assert header == ["list", "bytes", "day", "yes", "none"]
    assert row == ["['=1']", "b'x'", "2021-05-04", "true", ""]


def test_names_that_become_equal_are_made_unique() -> None:
    assert escape_formulas(pl.DataFrame({"=a": [1], "'=a": [2]})).columns == ["'=a", "'=a_2"]
