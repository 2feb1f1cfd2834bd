"""Daily files of a market with everything that cleaning compares between files, and what becomes of them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning.cleaner import CleaningReport, clean
from carvalue.listings.datasets.periods import SPLITS
from carvalue.listings.datasets.splits import SplitReport, split
from carvalue.listings.sources.partitions import read_partitions
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.parallel import Workers
from daily_files import DAYS, daily_rows, final_rows, write_days

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VINS = ("1HGCR2F3XFA027534", "2T1BURHE0FC123456")
CHAIN = ((VINS[0], "41111"), (VINS[0], "42222"), (VINS[1], "42222"), (VINS[1], "43333"))
CHAIN_IDS = tuple(str(700 + number) for number in range(len(CHAIN)))


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The reports, without their folders, and the tables."""

    cleaning: CleaningReport
    splits: SplitReport
    tables: dict[str, pl.DataFrame]


def parted_market(folder: Path) -> tuple[Path, ...]:
    """Write the partitions of daily files with corrections, deletions, duplicates and VINs that link cars.

    Two VINs link three descriptions of one car, whose listings are in four files.
    """
    days = daily_rows(final_rows(folder))
    for number, ((vin, odometer), key) in enumerate(zip(CHAIN, CHAIN_IDS, strict=True)):
        row = days[number].filter(pl.col("manufacturer") == "toyota").head(1)
        same_car = row.with_columns(year=pl.lit("2015"), price=pl.lit("9000"), model=pl.lit("camry"))
        listing = same_car.with_columns(id=pl.lit(key), VIN=pl.lit(vin), odometer=pl.lit(odometer))
        days[number] = pl.concat([days[number], listing], how="diagonal")
    again = days[0].head(50)
    days[-1] = pl.concat([days[-1], again.with_columns(pl.concat_str(pl.lit("8"), "id").alias("id"))])
    days[-2] = pl.concat([days[-2], days[-2].head(9)])  # the same ids in the same file
    write_days(days, folder / "days")
    partitions = read_partitions(str(folder / "days"), into=folder / "raw", mapping=None).partitions
    assert len(partitions) == DAYS
    return partitions


def prepare(raw: tuple[Path, ...], *, into: Path, workers: Workers) -> Prepared:
    """Clean and split a market, and make the drift reference."""
    cleaning = clean(raw, into=into / "clean", now=NOW, workers=workers)
    splits = split(cleaning.listings, into=into / "splits", workers=workers)
    train, root = into / "splits" / "train.parquet", into / "reference"
    publish_reference(train, fingerprint="f00d", root=root, workers=workers)
    paths = [
        cleaning.listings,
        cleaning.rejects,
        *(into / "splits" / f"{name}.parquet" for name in (*SPLITS, "reposts")),
        into / "reference" / "f00d.parquet",
    ]
    return Prepared(
        cleaning=replace(cleaning, listings=Path(), rejects=Path()),
        splits=replace(splits, folder=Path()),
        tables={path.stem: pl.read_parquet(path) for path in paths},
    )


def assert_equal(found: Prepared, expected: Prepared) -> None:
    """Assert that reports and tables are equal; the rows have the same order, too."""
    assert found.cleaning == expected.cleaning
    assert list(found.cleaning.rejected) == list(expected.cleaning.rejected)
    assert found.splits == expected.splits
    assert found.tables.keys() == expected.tables.keys()
    for name, table in expected.tables.items():
        assert found.tables[name].equals(table), name
