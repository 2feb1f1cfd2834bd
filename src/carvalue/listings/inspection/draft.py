"""Draft a column mapping and the fields of a market description for a file of an unknown form."""

import json
from collections.abc import Iterator

import polars as pl

from carvalue.listings.inspection.raw_table import RawTable
from carvalue.listings.values import parse_numbers

MAX_CHOICES = 20
MAX_EXAMPLE = 40  # characters
MIN_ROWS_OF_CHOICE = 0.005  # share; rarer values are typing errors
MIN_NUMBERS = 0.9  # share of the values from which a column holds numbers
FLAGS = ({"yes", "no"}, {"true", "false"}, {"1", "0"}, {"ja", "nein"}, {"y", "n"})
# thousands separated by the other sign, with a unit or a currency
GROUPED_NUMBERS = {
    ",": r"^\D*\d{1,3}(\.\d{3})+(,\d+)?\D*$",
    ".": r"^\D*\d{1,3}(,\d{3})+(\.\d+)?\D*$",
}
DATE_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
)


def draft_mapping(table: RawTable) -> str:
    """Draft a column mapping.

    Args:
        table: The file as texts, with the recognized columns.

    Returns:
        The text of a TOML file.
    """
    lines = ['name = "NAME OF THE DATA SET"', f"separator = {json.dumps(table.separator)}"]
    lines += [
        f"date_format = {json.dumps(date_format(table))}",
        f'decimal = "{_decimal(table)}"',
        "",
        "[columns]",
    ]
    lines += [f"{name} = {_quoted(column)}" for name, column in table.columns.items()]
    if others := _others(table):
        lines.append(
            "# Columns that were not recognized. Write a field's name in place of ... where one fits:"
        )
        lines += [f"# ... = {_quoted(name)}  # such as {_example(table.rows[name])}" for name in others]
    return "\n".join(lines)


def draft_fields(table: RawTable) -> str:
    """Draft fields of a market description for the columns that no field of the market has.

    Args:
        table: The file as texts, with the recognized columns.

    Returns:
        Tables of a TOML file; empty if no other column looks like a field.
    """
    return "\n\n".join(filter(None, (_field(table.rows[name]) for name in _others(table))))


def date_format(table: RawTable) -> str:
    """Guess the format of the posting dates.

    Args:
        table: The file as texts.

    Returns:
        The format that reads most of the dates, in the notation of `strftime`. If no column was recognized as
        the posting date, the format that reads most values of any other column.
    """
    dates = [table.columns["posting_date"]] if "posting_date" in table.columns else _others(table)
    columns = [table.rows[name].str.strip_chars() for name in dates]
    return max(DATE_FORMATS, key=lambda form: max((_readable(texts, form) for texts in columns), default=0))


def _decimal(table: RawTable) -> str:
    """Guess the decimal separator: the sign that does not separate the thousands of most numbers."""
    grouped = {
        decimal: sum(int(column.str.contains(pattern).sum()) for column in table.rows)
        for decimal, pattern in GROUPED_NUMBERS.items()
    }
    most = max(grouped, key=lambda decimal: grouped[decimal])
    return most if grouped[most] else table.decimal


def _others(table: RawTable) -> list[str]:
    return [name for name in table.rows.columns if name not in table.columns.values()]


def _example(column: pl.Series) -> str:
    texts = column.drop_nulls().str.strip_chars()
    example = next((text for text in texts if text), "nothing: it is empty")
    return " ".join(str(example).split())[:MAX_EXAMPLE]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _readable(texts: pl.Series, form: str) -> int:
    zone = "UTC" if "%z" in form else None
    moments = texts.to_frame("text").select(
        pl.col("text").str.to_datetime(form, time_zone=zone, time_unit="us", strict=False)
    )
    return len(texts) - moments.to_series().null_count()


def _field(column: pl.Series) -> str:
    name = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in column.name.lower()).strip(
        "_"
    )
    texts = column.str.strip_chars()
    texts = texts.filter(texts.is_not_null() & (texts != ""))
    if texts.is_empty() or not name or not name[0].isalpha():
        return ""
    lines = [f'[[fields]]\nname = "{name}"', *_kind(texts)]
    if len(lines) == 1:
        return ""  # a free text, an address or a number of identification
    label = column.name.replace("_", " ").capitalize()
    return "\n".join([*lines, f"label = {_quoted(label)}", f"help = {_quoted(f'{label}.')}"])


def _kind(texts: pl.Series) -> Iterator[str]:
    values = set(texts.str.to_lowercase().unique())
    numbers = parse_numbers(texts).drop_nulls()
    if any(values <= flag for flag in FLAGS) and len(values) > 1:
        yield 'kind = "flag"'
    elif len(numbers) >= MIN_NUMBERS * len(texts):
        if numbers.n_unique() == len(numbers) > MAX_CHOICES:
            return
        low, high = (round(float(numbers.quantile(share) or 0)) for share in (0.001, 0.999))
        yield f'kind = "number"\nunit = "UNIT"\nminimum = {min(low, 0)}\nmaximum = {max(2 * high, 1)}'
    else:
        counts = texts.str.to_lowercase().value_counts(sort=True, name="rows")
        common = counts.filter(pl.col("rows") >= MIN_ROWS_OF_CHOICE * len(texts))
        if 1 < len(common) <= MAX_CHOICES and common["rows"].sum() >= MIN_NUMBERS * len(texts):
            choices = ", ".join(_quoted(value) for value in common.to_series().to_list())
            yield f'kind = "category"\nchoices = [{choices}]'
