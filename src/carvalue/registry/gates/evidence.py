"""What the gates look at: the candidate as it would be served, and what it and others quote."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import polars as pl

from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion, quote_rows


@dataclass(frozen=True, kw_only=True)
class GateEvidence:
    """What the gates look at.

    Attributes:
        model: the candidate.
        bundle: the folder that it was loaded from, as the price service would.
        loading_s: how long loading took, checksums and golden prices included.
        quoted: the test rows with `quoted`, `low`, `high`, the `baseline` of medians, and `production`
            where there is a champion; prices in dollars.
        champion: the version in production; None where nothing usable is.
    """

    model: PriceModel
    bundle: Path
    loading_s: float
    quoted: pl.DataFrame
    champion: Champion | None

    def errors(self, column: str = "quoted", *, rows: pl.DataFrame | None = None) -> pl.Series:
        """Give the relative errors of the quotes in a column, on all rows or on these."""
        frame = self.quoted if rows is None else rows
        return (frame[column].cast(pl.Float64) / frame["price"] - 1).abs()


def gather_evidence(*, bundle: Path, train: Path, test: Path, champion: Champion | None) -> GateEvidence:
    """Load the candidate and have everyone quote the test rows.

    Raises:
        BundleCorrupt, BundleIncompatible: the price service could not load it either.
    """
    began = perf_counter()
    model = PriceModel.load(bundle)
    loading_s = perf_counter() - began
    rows = pl.read_parquet(test)
    quoted = quote_rows(model, rows, train=pl.read_parquet(train))
    if champion is not None:
        quoted = quoted.with_columns(champion.model.quote_frame(rows)["price"].alias("production"))
    return GateEvidence(model=model, bundle=bundle, loading_s=loading_s, quoted=quoted, champion=champion)
