"""Write the clean table and the rejected rows of a part, and count them."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import identity, rules
from carvalue.listings.cleaning.parsing import ParsedPart
from carvalue.listings.cleaning.vin_details import add_vin_details, count_filled, read_vin_details
from carvalue.parallel import ROW, Table, align_rows, part_file, written_part

COLUMNS = ("id", "car", "posted_at", *identity.ADVERTISED_FIELDS, *rules.DEGREES)
"""The columns of the clean table; `car` is equal for all listings of the same car."""
REJECT_COLUMNS = ("id", "posted_at", "reason", "value")


@dataclass(frozen=True, kw_only=True)
class CleanPart:
    """The tables of a part, and their counts.

    Attributes:
        listings: The Parquet file of the clean rows, with the columns `COLUMNS`.
        rejects: The Parquet file of the rejected rows, with the columns `REJECT_COLUMNS`.
        kept: The number of clean rows.
        rejected: Reason to number of rejected rows.
        repaired: Name of a repair to number of listings in which a value was set to null.
        filled: Field to number of listings in which the VIN added a value.
    """

    listings: Path
    rejects: Path
    kept: int
    rejected: dict[str, int]
    repaired: dict[str, int]
    filled: dict[str, int]


def write_part(compared: tuple[ParsedPart, Table], *, links: Path, into: Path) -> CleanPart:
    """Write the rows of a part to two tables.

    Args:
        compared: The parsed rows, and the verdicts about them.
        links: The cars that VINs link.
        into: The folder of the parts of both tables.

    Returns:
        The files and the counts.
    """
    part, verdicts = compared
    rows = _judged(part, verdicts)
    valid = rows.filter(pl.col("reason").is_null())
    rows = rows.with_columns(
        pl.coalesce("reason", "duplicate").alias("reason"),
        value=pl.when(pl.col("superseded").is_null()).then("value"),
    )
    unique = rows.filter(pl.col("reason").is_null())
    kept = _with_cars(unique, links).select(*COLUMNS, "descriptor")
    details = read_vin_details(unique.select("descriptor").collect()["descriptor"])
    listings, rejects = part_file(into / "listings", part.number), part_file(into / "rejects", part.number)
    with written_part(listings) as temporary:
        add_vin_details(kept, details).sink_parquet(temporary, compression="lz4", engine="streaming")
    with written_part(rejects) as temporary:
        rejected = rows.filter(pl.col("reason").is_not_null()).select(REJECT_COLUMNS)
        rejected.sink_parquet(temporary, engine="streaming")
    repaired = valid.select(pl.col(name).sum() for name in rules.REPAIRS).collect()
    return CleanPart(
        listings=listings,
        rejects=rejects,
        kept=pl.scan_parquet(listings).select(pl.len()).collect().item(),
        rejected=dict(pl.read_parquet(rejects, columns=["reason"])["reason"].value_counts().iter_rows()),
        repaired=repaired.row(0, named=True),
        filled=count_filled(kept, pl.scan_parquet(listings)) if len(details) else {},
    )


def _judged(part: ParsedPart, verdicts: Table) -> pl.LazyFrame:
    """Add the verdicts to the rows of a part; a superseded row has no other reason."""
    staged = pl.scan_parquet(part.path)
    found = verdicts().select(ROW, "superseded", "duplicate").collect()
    aligned = align_rows(found, part=part.number, rows=staged.select(pl.len()).collect().item())
    rows = pl.concat([staged, aligned.lazy()], how="horizontal")
    return rows.with_columns(pl.coalesce("superseded", "reason").alias("reason"))


def _with_cars(listings: pl.LazyFrame, links: Path) -> pl.LazyFrame:
    linked = pl.read_parquet(links)
    if linked.is_empty():
        return listings.with_columns(car=pl.col("described"))
    joined = listings.join(linked.lazy(), on="described", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("car", "described").alias("car"))
