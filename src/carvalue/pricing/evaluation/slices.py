"""Score quotes by slice (make, age, price, place): a good average can hide a badly priced group."""

import polars as pl

from carvalue.listings import PLACES
from carvalue.pricing.evaluation.scores import TOLERANCE

MAX_MAKES = 15
MIN_ROWS = 30  # rows; smaller slices are left out because their medians are noise
COMPARISONS = ("baseline", "production")
"""Columns that may hold other quotes of the same rows: the baseline's and the champion's."""
SLICES = ("make", "age", "age third", "price third", *PLACES)
"""Columns of slices: make, age, price, and the market's states or countries."""


def by_slice(quoted: pl.DataFrame) -> pl.DataFrame:
    """Score every slice with at least `MIN_ROWS` rows; of the makes, the `MAX_MAKES` most frequent.

    Args:
        quoted: Listings with `price` (asking price), `quoted`, `low`, `high` and any of `COMPARISONS`, in
            dollars.

    Returns:
        One row for each slice, with the columns of `slices.csv`: `slice`, `value`, `rows`, `mdape`, `mae`,
        `within_20`, `bias`, `coverage`, `width`, and `<name>_mdape` for each comparison.
    """
    rows = add_slices(quoted)
    return pl.concat([_score_slices(rows, name) for name in SLICES])


def add_slices(quoted: pl.DataFrame) -> pl.DataFrame:
    """Add one column for each of `SLICES`, with the slice that a row belongs to.

    Args:
        quoted: Listings with `manufacturer`, `year`, `state` and `price`.

    Returns:
        The frame with the new columns, all of strings; ages count from the newest model year of the frame.

    Examples:
        >>> cars = pl.DataFrame(
        ...     {
        ...         "manufacturer": ["ford", None, "kia"],
        ...         "year": [2020, 2001, 2014],
        ...         "state": ["tx", "ny", "ca"],
        ...         "price": [30_000, 4_000, 9_000],
        ...     }
        ... )
        >>> add_slices(cars).select(SLICES).rows()[1]
        ('(missing)', '16 and more', 'high', 'low', 'ny')
    """
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


def _score_slices(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    asking, quoted = pl.col("price"), pl.col("quoted")
    relative = (quoted / asking - 1).abs()
    comparisons = [column for column in COMPARISONS if column in rows.columns]
    table = rows.group_by(pl.col(name).cast(pl.String).alias("value")).agg(
        pl.len().alias("rows"),
        relative.median().alias("mdape"),
        (quoted - asking).abs().mean().alias("mae"),
        (relative <= TOLERANCE).mean().alias("within_20"),
        (quoted / asking - 1).median().alias("bias"),
        asking.is_between(pl.col("low"), pl.col("high")).mean().alias("coverage"),
        ((pl.col("high") - pl.col("low")) / quoted).mean().alias("width"),
        *((pl.col(column) / asking - 1).abs().median().alias(f"{column}_mdape") for column in comparisons),
    )
    large = table.filter(pl.col("rows") >= MIN_ROWS).sort("rows", "value", descending=[True, False])
    kept = large.head(MAX_MAKES) if name == "make" else large
    return kept.select(pl.lit(name).alias("slice"), pl.all())
