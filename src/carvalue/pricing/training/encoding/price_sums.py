"""Sums of log prices by name, category and model year, from which the encoder's price levels are computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from carvalue.listings import CATEGORY_FIELDS, NAME_FIELDS
from carvalue.pricing.training.encoding.training_rows import fold_of_car

LOG_PRICE_UNITS = 1e9
"""Units of a log dollar. Log prices are summed as whole numbers: the order of the rows changes no sum."""


def log_prices(frame: pl.DataFrame) -> pl.Series:
    """Compute the target of the model.

    Args:
        frame: Rows with `price`, in dollars.

    Returns:
        Natural logarithm of the asking prices.

    Examples:
        >>> log_prices(pl.DataFrame({"price": [1_000, 20_000]})).round(3).to_list()
        [6.908, 9.903]
    """
    return frame["price"].cast(pl.Float64).log()


@dataclass(frozen=True, kw_only=True)
class PriceSums:
    """Numbers of rows and sums of log prices.

    Attributes:
        names: Frame with `NAME_FIELDS`, `year`, `fold`, `rows` and `total`.
        categories: Field -> frame with the field under the name `cell`, `year`, `rows` and `total`.
    """

    names: pl.DataFrame
    categories: Mapping[str, pl.DataFrame]

    @property
    def rows(self) -> int:
        """Number of all rows."""
        return int(self.names["rows"].sum())

    @property
    def newest_year(self) -> int:
        """Newest model year of all rows."""
        return int(self.names["year"].max() or 0)  # type: ignore[arg-type]

    def outside(self, fold: int | None) -> pl.DataFrame:
        """Select the names of a fit.

        Args:
            fold: The fold that is left out; None for no fold.

        Returns:
            The rows of `names`; all of them where no other fold has rows.
        """
        others = self.names if fold is None else self.names.filter(pl.col("fold") != fold)
        return others if others.height else self.names


def sum_prices(rows: pl.LazyFrame) -> PriceSums:
    """Sum log prices.

    Args:
        rows: Training rows with `price`, `car` and all fields of a listing.

    Returns:
        The sums, sorted by their groups.
    """
    units = (pl.col("price").cast(pl.Float64).log() * LOG_PRICE_UNITS).round().cast(pl.Int64)
    rows = rows.with_columns(units.alias("units"), fold_of_car())

    def summed(cells: Sequence[pl.Expr], *others: str) -> pl.DataFrame:
        chosen = rows.select(*cells, *others, "units")
        groups = [name for name in chosen.collect_schema().names() if name != "units"]
        sums = chosen.group_by(groups).agg(rows=pl.len().cast(pl.Int64), total=pl.col("units").sum())
        return sums.with_columns(pl.col("total") / LOG_PRICE_UNITS).collect(engine="streaming").sort(groups)

    return PriceSums(
        names=summed([pl.col(name) for name in NAME_FIELDS], "year", "fold"),
        categories={
            field.name: summed([pl.col(field.name).alias("cell")], "year") for field in CATEGORY_FIELDS
        },
    )


def price_levels(
    sums: pl.DataFrame, *, by: Sequence[str], keys_of: Callable[..., tuple[str, ...]], names: Sequence[str]
) -> pl.DataFrame:
    """Sum price levels by keys of the cells.

    The level of a row is its log price less the mean of its model year, so that old and new cars can be
    compared.

    Args:
        sums: Frame with the cells, `year`, `rows` and `total`.
        by: Columns of the cells.
        keys_of: Function of the cells of a row that returns its keys.
        names: Columns of the keys.

    Returns:
        Frame with the keys, `rows` and `level`, the sum of the levels; sorted by the keys.

    Examples:
        >>> sums = pl.DataFrame({"cell": ["Gas", "gas", "diesel"], "year": [2010, 2020, 2010]})
        >>> sums = sums.with_columns(rows=pl.Series([2, 1, 2]), total=pl.Series([18.0, 11.0, 20.0]))
        >>> price_levels(sums, by=["cell"], keys_of=lambda cell: (cell.lower(),), names=["fuel"]).rows()
        [('diesel', 2, 1.0), ('gas', 3, -1.0)]
    """
    means = sums.group_by("year").agg(mean=pl.col("total").sum() / pl.col("rows").sum())
    levels = (
        sums.join(means, on="year", how="left", nulls_equal=True, maintain_order="left")
        .with_columns(level=pl.col("total") - pl.col("rows") * pl.col("mean"))
        .group_by(by, maintain_order=True)
        .agg(pl.col("rows").sum(), pl.col("level").sum())
    )
    keys = pl.DataFrame(
        [keys_of(*cells) for cells in levels.select(by).iter_rows()],
        schema=dict.fromkeys(names, pl.String),
        orient="row",
    )
    grouped = pl.concat([keys, levels.select("rows", "level")], how="horizontal")
    return grouped.group_by(names).agg(pl.col("rows").sum(), pl.col("level").sum()).sort(names)
