"""Unique numbers of rows, by which results about rows are sent back to the parts that hold them."""

import polars as pl

ROW = "row"
"""The column of the numbers: unique in all parts, and in the order of parts and rows."""
PART = "part"
ROWS_OF_A_PART = 2**40  # more than any part has


def number_rows(table: pl.LazyFrame, *, part: int) -> pl.LazyFrame:
    """Add the numbers of rows.

    Args:
        table: The rows of a part, in their order.
        part: The number of the part.

    Returns:
        The rows with the column `ROW`.

    Example:
        >>> number_rows(pl.LazyFrame({"price": [900]}), part=1).collect().row(0, named=True)
        {'row': 1099511627776, 'price': 900}
    """
    return table.with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.UInt64) + part * ROWS_OF_A_PART)


def with_part(table: pl.LazyFrame) -> pl.LazyFrame:
    """Add the number of the part of each row, to send results back to it.

    Args:
        table: Results, with the column `ROW`.

    Returns:
        The results with the column `part`.
    """
    return table.with_columns((pl.col(ROW) // ROWS_OF_A_PART).alias(PART))


def align_rows(results: pl.DataFrame, *, part: int, rows: int) -> pl.DataFrame:
    """Bring results about some rows of a part into the order of the part.

    Args:
        results: At most one result for each row, with the column `ROW`, in any order.
        part: The number of the part.
        rows: The number of rows of the part.

    Returns:
        One row for each row of the part, without `ROW`; null where there is no result.

    Example:
        >>> results = pl.DataFrame({"row": [1], "verdict": ["sold"]}, schema_overrides={"row": pl.UInt64})
        >>> align_rows(results, part=0, rows=3)["verdict"].to_list()
        [None, 'sold', None]
    """
    numbers = pl.int_range(rows, dtype=pl.UInt64) + part * ROWS_OF_A_PART
    ordered = pl.select(numbers.alias(ROW)).join(results, on=ROW, how="left", maintain_order="left")
    return ordered.drop(ROW)
