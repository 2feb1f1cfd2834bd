"""Maps the columns of an uploaded table to the fields of a listing, and its rows to listings."""

from collections.abc import Mapping

import polars as pl

from carvalue.errors import AppError
from carvalue.listings import (
    FIELD_BY_NAME,
    FIELDS,
    PRICE,
    READERS,
    InvalidValue,
    Listing,
    NumberField,
    parse_number,
)
from carvalue.listings.recognition import read_vin

ASKING, VIN = "asking price", "vin"
"""Names of the two mapped columns that are no field of a listing."""
ColumnMapping = Mapping[str, str]
"""Field of a listing, `ASKING` or `VIN` -> column of the table."""


def _spelling(column: str) -> str:
    return "".join(filter(str.isalpha, column.partition("(")[0].lower()))


HEADERS: Mapping[str, tuple[str, ...]] = {
    **{field.name: (_spelling(field.name), *field.headers) for field in FIELDS},
    ASKING: (PRICE.name, *PRICE.headers),
    VIN: ("vin", "vinnumber", "vehicleidentificationnumber"),
}
"""Spellings of column names, as lower-case letters; the first that a table has is used."""


def guess_mapping(columns: list[str]) -> ColumnMapping:
    """Guess which column holds which field.

    Args:
        columns: Column names of the table.

    Returns:
        The fields that were recognized.

    Examples:
        >>> guess_mapping(["Make", "Model Year", "Mileage (mi)", "note"])
        {'manufacturer': 'Make', 'year': 'Model Year', 'odometer': 'Mileage (mi)'}
    """
    by_spelling = {_spelling(column): column for column in reversed(columns)}
    return {
        name: by_spelling[spelling]
        for name, spellings in HEADERS.items()
        if (spelling := next((item for item in spellings if item in by_spelling), None)) is not None
    }


def listings_from_rows(table: pl.DataFrame, mapping: ColumnMapping | None = None) -> list[Listing]:
    """Convert each row of a table to a listing.

    Args:
        table: Any columns.
        mapping: Which column holds which field; guessed unless given.

    Returns:
        A listing for each row, without empty cells. A number that cannot be read stays a text, which the
        service rejects; an optional choice that the schema does not know is left out. A VIN fills what the
        row does not tell.

    Examples:
        >>> table = pl.DataFrame({"make": ["ford"], "year": ["2015"], "odometer": ["80k"], "note": ["red"]})
        >>> listings_from_rows(table)
        [{'manufacturer': 'ford', 'year': 2015, 'odometer': 80000}]
    """
    chosen = guess_mapping(table.columns) if mapping is None else mapping
    columns = {name: column for name, column in chosen.items() if name in FIELD_BY_NAME or name == VIN}
    cells = table.select(pl.col(column).alias(name) for name, column in columns.items())
    return [_listing(row) for row in cells.iter_rows(named=True)]


def asking_prices(table: pl.DataFrame, mapping: ColumnMapping) -> list[int | None]:
    """Read the asking prices of a table.

    Args:
        table: Any columns.
        mapping: Which column holds which field.

    Returns:
        Whole dollars for each row; None where there is no readable price.
    """
    if ASKING not in mapping:
        return [None] * len(table)
    numbers = (parse_number(str(cell)) for cell in table[mapping[ASKING]])
    return [round(number) if number is not None and number > 0 else None for number in numbers]


def _listing(row: Mapping[str, object]) -> Listing:
    known = {name: value for name, value in row.items() if value not in (None, "") and str(value).strip()}
    vin = str(known.pop(VIN, ""))
    listing = {field.name: _value(field.name, known[field.name]) for field in FIELDS if field.name in known}
    decoded = _decoded(vin) if vin and not {"manufacturer", "model", "year"} <= listing.keys() else {}
    return {name: value for name, value in {**decoded, **listing}.items() if value is not None}


def _value(name: str, value: object) -> str | float | int | None:
    field = FIELD_BY_NAME[name]
    text = " ".join(str(value).split())
    if isinstance(field, NumberField):
        number = parse_number(text)
        return text if number is None else number
    if field.is_open:
        return text
    try:
        return READERS[name](text)
    except InvalidValue:
        return None


def _decoded(vin: str) -> Listing:
    try:
        return read_vin(vin).listing
    except AppError:
        return {}  # the row then lacks make, model or year, which is its reason
