"""Price levels: how far a name stands above or below its market, shrunk toward the wider group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

PRIOR_ROWS = 8.0  # a name seen this often weighs as much as its family; chosen on the validation set


@dataclass(frozen=True)
class TargetEncoding:
    """Mean log price of each group, from the widest grouping to the narrowest.

    A group's mean is shrunk toward the group that contains it, so that a name seen once says little and an
    unknown name falls back to its family, then its make, then the market. Unit: log dollars.
    """

    tables: tuple[Mapping[str, float], ...]
    market: float

    def level(self, keys: Sequence[str]) -> float:
        """Look up the narrowest known of these keys, which go from wide to narrow."""
        for table, key in zip(reversed(self.tables), reversed(keys), strict=True):
            found = table.get(key)
            if found is not None:
                return found
        return self.market


def fit_target_encoding(keys: pl.DataFrame, *, log_price: pl.Series) -> TargetEncoding:
    """Fit from key columns, the widest first; each key must contain the wider one's text."""
    market = float(log_price.mean() or 0.0)  # type: ignore[arg-type]
    rows = keys.with_columns(log_price.alias("_y"), pl.lit(market).alias("_wider"))
    tables: list[Mapping[str, float]] = []
    for name in keys.columns:
        shrunk = (pl.col("_y").sum() + PRIOR_ROWS * pl.col("_wider").first()) / (pl.len() + PRIOR_ROWS)
        groups = rows.group_by(name).agg(shrunk.alias("_level")).sort(name)
        tables.append(dict(zip(groups[name].to_list(), groups["_level"].to_list(), strict=True)))
        rows = rows.join(groups, on=name, how="left", maintain_order="left")
        rows = rows.with_columns(pl.col("_level").alias("_wider")).drop("_level")
    return TargetEncoding(tables=tuple(tables), market=market)
