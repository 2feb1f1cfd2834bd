"""Measure the calibration: how often asking prices are below, inside and above the range or a quantile."""

import polars as pl

DECILES = 10


def coverage_table(quoted: pl.DataFrame) -> pl.DataFrame:
    """Compute coverage and bias by decile of the quote and of the range's relative width.

    Args:
        quoted: Rows with `price` (asking price), `quoted`, `low` and `high`, all in dollars.

    Returns:
        One row for each decile, with the columns of `calibration.csv`: `by` (what the deciles are of),
        `decile` (from 1), `from` and `to` (dollars, or width as a share of the quote), `rows`, `coverage`,
        `below`, `above`, `width` and `bias` (shares).

    Examples:
        >>> quoted = pl.DataFrame(
        ...     {"price": [800, 1_000, 1_050, 1_300] * 10, "quoted": 1_000, "low": 900, "high": 1_100}
        ... )
        >>> table = coverage_table(quoted)
        >>> table.height, table.filter(by="quoted price").select("below", "coverage", "above").mean().row(0)
        (20, (0.25, 0.5, 0.25))
    """
    width = (pl.col("high") - pl.col("low")) / pl.col("quoted")
    measures = {"quoted price": pl.col("quoted").cast(pl.Float64), "width of range": width}
    return pl.concat([_by_decile(quoted, name, measure) for name, measure in measures.items()])


def pit_table(pit: pl.Series) -> pl.DataFrame:
    """Count the asking prices in each tenth of their predictive distribution.

    Args:
        pit: Probability integral transform of each asking price, from 0 to 1; null if it is unknown.

    Returns:
        One row for each tenth, with the columns of `pit.csv`: `decile` (from 1, the lowest prices), `rows`
        and `share`, which is 0.1 for calibrated distributions. No row if all values are null.

    Examples:
        >>> pit_table(pl.Series([0.05, 0.1, 0.95, 0.9975])).filter(pl.col("rows") > 0).rows()
        [(1, 1, 0.25), (2, 1, 0.25), (10, 2, 0.5)]
    """
    known = pit.drop_nulls()
    deciles = pl.DataFrame({"decile": pl.Series(range(1, DECILES + 1), dtype=pl.Int64)})
    found = pl.DataFrame({"decile": (known * DECILES).floor().cast(pl.Int64) + 1})
    counts = found.group_by("decile").agg(pl.len().cast(pl.Int64).alias("rows"))
    table = deciles.join(counts, on="decile", how="left", maintain_order="left").fill_null(0)
    return table.with_columns(share=pl.col("rows") / len(known)).filter(len(known) > 0)


def _by_decile(quoted: pl.DataFrame, name: str, measure: pl.Expr) -> pl.DataFrame:
    rank = measure.rank("ordinal").cast(pl.Int64) - 1
    asking = pl.col("price")
    decile = (rank * DECILES // pl.len() + 1).cast(pl.Int64)
    return (
        quoted.with_columns(measure.alias("_measure"), decile.alias("decile"))
        .group_by("decile")
        .agg(
            pl.col("_measure").min().alias("from"),
            pl.col("_measure").max().alias("to"),
            pl.len().alias("rows"),
            asking.is_between(pl.col("low"), pl.col("high")).mean().alias("coverage"),
            (asking < pl.col("low")).mean().alias("below"),
            (asking > pl.col("high")).mean().alias("above"),
            ((pl.col("high") - pl.col("low")) / pl.col("quoted")).mean().alias("width"),
            (pl.col("quoted") / asking - 1).median().alias("bias"),
        )
        .sort("decile")
        .select(pl.lit(name).alias("by"), pl.all())
    )
