"""Whether the range holds what it promises: how often asked prices fall below, inside and above it."""

import polars as pl

DECILES = 10
NOMINAL_COVERAGE = 0.9
"""The share of asked prices that a range is to hold; half of the rest on either side."""


def coverage_table(quoted: pl.DataFrame) -> pl.DataFrame:
    """Count by decile of the quoted price and of the range's width: by what, decile, and the measures.

    Columns: `by`, `decile` from 1, `from` and `to` (dollars, or width as a share of the quote), `rows`,
    `coverage`, `below`, `above`, `width`, `bias`.
    """
    width = (pl.col("high") - pl.col("low")) / pl.col("quoted")
    return pl.concat(
        [
            _by_decile(quoted, name, of)
            for name, of in {
                "quoted price": pl.col("quoted").cast(pl.Float64),
                "width of range": width,
            }.items()
        ]
    )


def _by_decile(quoted: pl.DataFrame, name: str, of: pl.Expr) -> pl.DataFrame:
    rank = of.rank("ordinal").cast(pl.Int64) - 1
    asked = pl.col("price")
    return (
        quoted.with_columns(of.alias("_of"), (rank * DECILES // pl.len() + 1).cast(pl.Int64).alias("decile"))
        .group_by("decile")
        .agg(
            pl.col("_of").min().alias("from"),
            pl.col("_of").max().alias("to"),
            pl.len().alias("rows"),
            asked.is_between(pl.col("low"), pl.col("high")).mean().alias("coverage"),
            (asked < pl.col("low")).mean().alias("below"),
            (asked > pl.col("high")).mean().alias("above"),
            ((pl.col("high") - pl.col("low")) / pl.col("quoted")).mean().alias("width"),
            (pl.col("quoted") / asked - 1).median().alias("bias"),
        )
        .sort("decile")
        .select(pl.lit(name).alias("by"), pl.all())
    )
