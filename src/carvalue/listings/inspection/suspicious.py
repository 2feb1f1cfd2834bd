"""Find values that are probably read as something else than they mean."""

from collections.abc import Iterator

import polars as pl

from carvalue.listings.inspection.raw_table import RawTable
from carvalue.listings.schema import (
    DISTANCE,
    FIELD_BY_NAME,
    MARKET,
    NUMBER_FIELDS,
    PLACES,
    PRICE,
    CategoryField,
)
from carvalue.listings.values import READERS, InvalidValue

MANY = 0.02  # share of the rows from which a finding is worth a line
SHOWN = 5
PER_YEAR_IN_KM = 20_000  # more than this in miles a year is hardly driven


def suspicious_values(table: RawTable) -> Iterator[str]:
    """Describe suspicious values.

    Args:
        table: The file as texts, with the recognized columns.

    Yields:
        One sentence for each finding.
    """
    yield from filter(None, (_ambiguous_numbers(table, field.name) for field in (PRICE, *NUMBER_FIELDS)))
    yield from filter(None, (_month_and_year(table), _repeated_ids(table), _kilometres(table)))
    for name, field in FIELD_BY_NAME.items():
        if name in table.columns and isinstance(field, CategoryField) and not field.is_open:
            yield from _unknown_categories(table, name)


def _texts(table: RawTable, name: str) -> pl.Series:
    texts = table.rows[table.columns[name]].str.strip_chars()
    return texts.filter(texts.is_not_null() & (texts != ""))


def _ambiguous_numbers(table: RawTable, name: str) -> str:
    if name not in table.columns:
        return ""
    texts, other = _texts(table, name), table.decimal
    matching = texts.filter(texts.str.contains(rf"^[0-9]{{1,3}}\{other}[0-9]{{3}}$"))
    if len(matching) <= MANY * len(texts):
        return ""
    decimal = "," if other == "." else "."
    return (
        f"{name}: {len(matching):,} values such as {matching[0]!r} may mean thousands or decimals: they are "
        f'rejected; `decimal = "{decimal}"` in the mapping or the market reads them as thousands'
    )


def _month_and_year(table: RawTable) -> str:
    field = next(field for field in NUMBER_FIELDS if field.name == "year")
    if "year" not in table.columns or field.pattern:
        return ""
    texts = _texts(table, "year")
    matching = texts.filter(texts.str.contains(r"^[0-9]{1,2}[./-][0-9]{4}$"))
    if matching.is_empty():
        return ""
    return (
        f"year: {len(matching):,} values such as {matching[0]!r} are no year; "
        "`pattern` of the field can cut them"
    )


def _repeated_ids(table: RawTable) -> str:
    if "id" not in table.columns or len(table.files) > 1:  # a later file corrects an earlier one
        return ""
    ids = _texts(table, "id")
    repeated = len(ids) - ids.n_unique()
    return f"id: {repeated:,} rows repeat the id of another row and are rejected" if repeated else ""


def _kilometres(table: RawTable) -> str:
    if DISTANCE.unit != "miles" or not {"odometer", "year"} <= table.columns.keys():
        return ""
    columns = [pl.col(table.columns[name]).str.extract(r"^\D*([\d.,]+)") for name in ("odometer", "year")]
    numbers = table.rows.select(
        column.str.replace_all(r"[.,]", "").cast(pl.Float64, strict=False).alias(name)
        for column, name in zip(columns, ("odometer", "year"), strict=True)
    ).drop_nulls()
    numbers = numbers.filter(pl.col("year").is_between(1950, 2100))
    if numbers.is_empty():
        return ""
    ages = pl.col("year").max() - pl.col("year") + 1
    a_year = numbers.select((pl.col("odometer") / ages).median()).item()
    if a_year is None or (a_year < PER_YEAR_IN_KM and "km" not in table.columns["odometer"].lower()):
        return ""
    return (
        f'odometer: {a_year:,.0f} a year at the median; kilometres need `odometer = "km"` in the mapping, '
        "or a market in kilometres"
    )


def _unknown_categories(table: RawTable, name: str) -> Iterator[str]:
    counts = _texts(table, name).value_counts(sort=True, name="rows")
    known: list[tuple[str, int]] = []
    unknown: list[tuple[str, int]] = []
    for value, rows in counts.iter_rows():
        (known if _is_read(name, value) or value.lower() in table.words.get(name, ()) else unknown).append(
            (value, rows)
        )
    lost, total = sum(rows for _, rows in unknown), int(counts["rows"].sum())
    if lost <= MANY * total:
        return
    values = ", ".join(repr(value) for value, _ in unknown[:SHOWN])
    yield f"{name}: {lost:,} of {total:,} values are unknown and read as missing: {values}"
    if name in PLACES and known and name not in table.words:
        taken = ", ".join(f"{value!r} as {READERS[name](value)!r}" for value, _ in known[:SHOWN])
        yield (
            f"{name}: probably places of another country; {taken} of {MARKET.place} would be wrong: leave "
            "the column out, or describe a market with these places"
        )


def _is_read(name: str, value: str) -> bool:
    try:
        READERS[name](value)
    except InvalidValue:
        return False
    return True
