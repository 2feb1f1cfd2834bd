"""Hierarchical target encoding: mean log price of a name, shrunk toward the mean of the wider group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

ENCODING_PRIOR_ROWS = 8.0
"""Weight of the wider group's mean, in rows; chosen on the validation set."""


@dataclass(frozen=True)
class TargetEncoding:
    """Mean log price of each group, from the widest grouping to the narrowest.

    The mean of a group is shrunk toward that of the group which contains it, so that a name with one row has
    little effect, and an unknown name falls back to its family, then its make, then the market (m-estimate
    smoothing, Micci-Barreca 2001). Unit: log dollars.
    """

    tables: tuple[Mapping[str, float], ...]
    """For each grouping, the widest first: group key -> price level."""
    market: float
    """Mean of all rows, the level of an unknown make."""

    def level(self, keys: Sequence[str]) -> float:
        """Look up the level of the narrowest known group.

        Args:
            keys: One key for each table, from wide to narrow.

        Returns:
            Price level in log dollars.

        Examples:
            >>> encoding = TargetEncoding(tables=({"ford": 0.1}, {"ford|f150": 0.5}), market=0.0)
            >>> encoding.level(("ford", "ford|f150")), encoding.level(("ford", "ford|new"))
            (0.5, 0.1)
        """
        for table, key in zip(reversed(self.tables), reversed(keys), strict=True):
            level = table.get(key)
            if level is not None:
                return level
        return self.market


def fit_target_encoding(levels: pl.DataFrame) -> TargetEncoding:
    """Fit the levels of all groups.

    Args:
        levels: A string column for each grouping, the widest first, then `rows` and `level`, the sum of the
            rows' price levels in log dollars. Each key must contain the wider one's text, so that a group
            lies within one wider group.

    Returns:
        The encoding, with one table for each grouping.

    Examples:
        >>> levels = pl.DataFrame({"make": ["kia", "bmw"], "rows": [2, 1], "level": [2.0, 4.0]})
        >>> encoding = fit_target_encoding(levels)
        >>> encoding.market, encoding.tables[0]["kia"], round(encoding.tables[0]["bmw"], 2)
        (2.0, 1.8, 2.22)
    """
    market = float(levels["level"].sum()) / max(int(levels["rows"].sum()), 1)
    rows = levels.with_columns(pl.lit(market).alias("_wider"))
    prior = ENCODING_PRIOR_ROWS
    tables: list[Mapping[str, float]] = []
    for name in levels.drop("rows", "level").columns:
        shrunk = (pl.col("level").sum() + prior * pl.col("_wider").first()) / (pl.col("rows").sum() + prior)
        groups = rows.group_by(name, maintain_order=True).agg(shrunk.alias("_level")).sort(name)
        tables.append(dict(zip(groups[name].to_list(), groups["_level"].to_list(), strict=True)))
        rows = rows.join(groups, on=name, how="left", maintain_order="left")
        rows = rows.with_columns(pl.col("_level").alias("_wider")).drop("_level")
    return TargetEncoding(tables=tuple(tables), market=market)
