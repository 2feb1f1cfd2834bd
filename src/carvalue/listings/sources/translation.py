"""Rewrite a CSV with other columns as a raw CSV, following a column mapping."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import polars as pl

from carvalue.files import atomic_write
from carvalue.listings.cleaning import (
    DELETED,
    DELETED_VALUES,
    NUMBERS,
    POSTING_DATE_FORMAT,
    marks_deletion,
)
from carvalue.listings.schema import DISTANCE, RAW_COLUMNS
from carvalue.listings.sources.column_mapping import ColumnMapping, DeletionMark
from carvalue.listings.sources.raw import SourceFailed
from carvalue.listings.values import Decimals, parse_numbers

MILES_PER_KM = 0.621371
# beside a number that the mapping converts: 7.050 €, EUR 7.050, 113.103 km
FOREIGN_UNIT = r"^(?:\p{Sc}|[A-Z]{3})\s*|\s*(?:\p{Sc}|[A-Z]{3}|[Kk]m)\.?$"
_NUMBERS = frozenset(field.name for field in NUMBERS if not getattr(field, "pattern", ""))
ROW = "row of the file"
ROUND = 1_000  # a reading that is a multiple of it was rounded by the seller


class MappingMismatch(SourceFailed):
    """The file does not match its column mapping."""

    hint = "Correct the file that DATASET names, or point DATA_SOURCE at the file that it describes."


def apply_mapping(path: Path, *, mapping: ColumnMapping, into: Path) -> Path:
    r"""Write a file's rows as a CSV with the columns `RAW_COLUMNS`; cells that cannot be converted are kept.

    Rows without an id get their line number as the id.

    Args:
        path: The CSV file to translate.
        mapping: The mapping of its columns.
        into: The CSV file to write.

    Returns:
        The path `into`.

    Raises:
        MappingMismatch: A mapped column is missing, or the file is not a CSV.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> columns = {name: name for name in ("price", "posting_date", "manufacturer", "model", "year")}
        >>> columns["odometer"] = "kilometers"
        >>> mapping = ColumnMapping(name="dealer", columns=columns, units={"odometer": "km"})
        >>> row = "9000,2021-04-20T09:30:00+0000,vw,golf,2015,100500"
        >>> header = ",".join(mapping.columns.values())
        >>> _ = Path("other.csv").write_text("\n".join([header, row]))
        >>> raw = pl.read_csv(apply_mapping(Path("other.csv"), mapping=mapping, into=Path("raw.csv")))
        >>> raw.select("id", "price", "manufacturer", "odometer").row(0)
        (1, 9000.0, 'vw', 62448.0)
    """
    table = pl.scan_csv(
        path, separator=mapping.separator, infer_schema=False, truncate_ragged_lines=True, glob=False
    )
    try:
        header = table.collect_schema().names()
        if missing := [name for name in mapping.used_columns if name not in header]:
            raise MappingMismatch(f"{path} lacks {', '.join(missing)}: found {', '.join(header)}.")
        with atomic_write(into) as temporary:
            translated(table, mapping).sink_csv(temporary, engine="streaming", check_extension=False)
    except pl.exceptions.PolarsError as error:
        raise MappingMismatch(f"{path} is not a readable CSV: {error}.") from error
    return into


def translated(table: pl.LazyFrame, mapping: ColumnMapping, *, row_prefix: str = "") -> pl.LazyFrame:
    """Translate the columns of a table; cells that cannot be converted are kept.

    Args:
        table: The columns that the mapping names, as texts.
        mapping: The mapping.
        row_prefix: Precedes the line number that rows without an id get as their id.

    Returns:
        The columns `RAW_COLUMNS`, and `deleted` if the mapping has a mark of deletions.
    """
    numbered = table.with_row_index(ROW, offset=1)
    numbered = numbered.with_columns(pl.concat_str(pl.lit(row_prefix), ROW).alias(ROW))
    return numbered.select(
        *(_cell(mapping, name).alias(name) for name in RAW_COLUMNS),
        *([_deleted(mapping.deleted).alias(DELETED)] if mapping.deleted else []),
    )


def _deleted(mark: DeletionMark) -> pl.Expr:
    found = marks_deletion(pl.col(mark.column), [value.lower() for value in mark.values])
    return pl.when(found).then(pl.lit(DELETED_VALUES[0]))


def _cell(mapping: ColumnMapping, name: str) -> pl.Expr:
    if name not in mapping.columns:
        # rows without an id are identified by their line number
        return pl.col(ROW) if name == "id" else pl.lit(None, pl.String)
    text = pl.col(mapping.columns[name]).str.strip_chars()
    if name == "posting_date":
        return pl.coalesce(_date(text, mapping.date_format), text)
    if name in mapping.units or name in _NUMBERS:
        digits = text.str.replace_all(FOREIGN_UNIT, "") if name in mapping.units else text
        return pl.coalesce(_number(digits, mapping.units.get(name, 1), decimal=mapping.decimal), text)
    return _category(text, mapping.words.get(name, {}))


def _date(text: pl.Expr, date_format: str) -> pl.Expr:
    moment = text.str.to_datetime(date_format, time_zone="UTC", time_unit="us", strict=False)
    return moment.dt.strftime(POSTING_DATE_FORMAT)


def _number(text: pl.Expr, unit: float | str, *, decimal: Decimals) -> pl.Expr:
    parse = partial(parse_numbers, decimal=decimal)
    number = text.map_batches(parse, return_dtype=pl.Float64, is_elementwise=True)
    if not isinstance(unit, str):
        return (number * unit).round().cast(pl.String) if unit != 1 else number.cast(pl.String)
    distance = number * (DISTANCE.from_miles(MILES_PER_KM) if DISTANCE.unit == "miles" else 1)
    # a converted reading looks exact, and an exact one identifies a car (`cleaning.identity`)
    rounded = pl.when(number % ROUND == 0).then((distance / ROUND).round() * ROUND).otherwise(distance)
    return rounded.round().cast(pl.String)


def _category(text: pl.Expr, values: Mapping[str, str]) -> pl.Expr:
    if not values:
        return text
    by_lower_case = {value.lower(): replacement for value, replacement in values.items()}
    return pl.coalesce(text.str.to_lowercase().replace_strict(by_lower_case, default=None), text)
