"""Scores by slice: make, age, price and state, so that a good average hides nobody's bad price."""

import polars as pl

LARGEST_MAKES = 15
MIN_ROWS = 30  # a slice of fewer rows is left out: its median is noise
COMPARISONS = ("baseline", "production")
"""Whose quotes may stand beside the model's; each gets a column `<rival>_mdape`."""
SLICES = ("make", "age", "age third", "price third", "state")


def by_slice(quoted: pl.DataFrame) -> pl.DataFrame:
    """Score every slice: slice, value, rows, mdape, mae, within_20, bias, coverage, width, rivals' mdape."""
    rows = add_slices(quoted)
    return pl.concat([_table(rows, name) for name in SLICES])


def add_slices(quoted: pl.DataFrame) -> pl.DataFrame:
    """Put beside each row which slices it belongs to: one column for each of `SLICES`."""
    newest = pl.col("year").max()
    return quoted.with_columns(
        pl.col("manufacturer").fill_null("(missing)").alias("make"),
        _age_group(newest - pl.col("year")).alias("age"),
        _third((newest - pl.col("year")).rank("average")).alias("age third"),
        _third(pl.col("price").rank("ordinal")).alias("price third"),
    )


def _age_group(age: pl.Expr) -> pl.Expr:
    groups = pl.when(age <= 3).then(pl.lit("0-3")).when(age <= 8).then(pl.lit("4-8"))
    return groups.when(age <= 15).then(pl.lit("9-15")).otherwise(pl.lit("16 and more"))


def _third(rank: pl.Expr) -> pl.Expr:
    third = (rank - 1) * 3 // pl.len()
    return (
        pl.when(third == 0)
        .then(pl.lit("low"))
        .when(third == 1)
        .then(pl.lit("middle"))
        .otherwise(pl.lit("high"))
    )


def _table(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    asked, quoted = pl.col("price"), pl.col("quoted")
    relative = (quoted / asked - 1).abs()
    rivals = [rival for rival in COMPARISONS if rival in rows.columns]
    table = rows.group_by(pl.col(name).cast(pl.String).alias("value")).agg(
        pl.len().alias("rows"),
        relative.median().alias("mdape"),
        (quoted - asked).abs().mean().alias("mae"),
        (relative <= 0.2).mean().alias("within_20"),
        (quoted / asked - 1).median().alias("bias"),
        asked.is_between(pl.col("low"), pl.col("high")).mean().alias("coverage"),
        ((pl.col("high") - pl.col("low")) / quoted).mean().alias("width"),
        *((pl.col(rival) / asked - 1).abs().median().alias(f"{rival}_mdape") for rival in rivals),
    )
    large = table.filter(pl.col("rows") >= MIN_ROWS).sort("rows", "value", descending=[True, False])
    kept = large.head(LARGEST_MAKES) if name == "make" else large
    return kept.select(pl.lit(name).alias("slice"), pl.all())
