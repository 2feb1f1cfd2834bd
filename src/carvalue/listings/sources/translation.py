"""A file of another form, written once more in ours: nothing behind it knows that there are two."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from carvalue.files import atomic_write
from carvalue.listings.cleaning import POSTING_DATE_FORMAT
from carvalue.listings.schema import RAW_COLUMNS
from carvalue.listings.sources.column_mapping import ColumnMapping
from carvalue.listings.sources.raw import SourceFailed

MILES = {"km": 0.621371}


class MappingMismatch(SourceFailed):
    """The file is not as its description says."""

    hint = "Correct the file that DATASET names, or point DATA_SOURCE at the file that it describes."


def apply_mapping(path: Path, *, form: ColumnMapping, into: Path) -> Path:
    """Write such a file as a CSV of the 26 raw columns, row for row; what cannot be read stays as it is.

    Raises:
        MappingMismatch: a column is missing, or the file is no such CSV.
    """
    table = pl.scan_csv(
        path, separator=form.separator, infer_schema=False, truncate_ragged_lines=True, glob=False
    )
    try:
        found = table.collect_schema().names()
        if missing := [name for name in form.columns.values() if name not in found]:
            raise MappingMismatch(f"{path} lacks {', '.join(missing)}: found {', '.join(found)}.")
        with atomic_write(into) as aside:
            _translated(table, form).sink_csv(aside, engine="streaming", check_extension=False)
    except pl.exceptions.PolarsError as error:
        raise MappingMismatch(f"{path} is not a readable CSV: {error}.") from error
    return into


def _translated(table: pl.LazyFrame, form: ColumnMapping) -> pl.LazyFrame:
    numbered = table.with_row_index("row of the file", offset=1)
    return numbered.select(_cell(form, name).alias(name) for name in RAW_COLUMNS)


def _cell(form: ColumnMapping, name: str) -> pl.Expr:
    if name not in form.columns:
        # a row without an identity of its own is known by its place
        return pl.col("row of the file") if name == "id" else pl.lit(None, pl.String)
    text = pl.col(form.columns[name]).str.strip_chars()
    if name == "posting_date":
        return pl.coalesce(_date(text, form.date_format), text)
    if name in form.units:
        return pl.coalesce(_number(text, form.units[name]), text)
    return _word(text, form.words.get(name, {}))


def _date(text: pl.Expr, written: str) -> pl.Expr:
    moment = text.str.to_datetime(written, time_zone="UTC", time_unit="us", strict=False)
    return moment.dt.strftime(POSTING_DATE_FORMAT)


def _number(text: pl.Expr, unit: float | str) -> pl.Expr:
    factor = MILES[unit] if isinstance(unit, str) else unit
    return (text.cast(pl.Float64, strict=False) * factor).round().cast(pl.String)


def _word(text: pl.Expr, ours: Mapping[str, str]) -> pl.Expr:
    spelling = {word.lower(): our for word, our in ours.items()}
    return pl.coalesce(text.str.to_lowercase().replace_strict(spelling, default=None), text) if ours else text
