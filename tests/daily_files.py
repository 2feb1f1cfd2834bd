"""Daily files of listings, with corrections, deletions and late rows, and the file that they amount to."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from carvalue.listings.synthetic import write_sample

ROWS = 2_000
DAYS = 5
Writer = Callable[[pl.DataFrame, Path], None]


def final_rows(folder: Path) -> pl.DataFrame:
    """Return the rows of a sample, in the order of posting."""
    write_sample(folder / "sample.csv", rows=ROWS, seed=7)
    rows = pl.read_csv(folder / "sample.csv", infer_schema=False)
    return rows.unique("id", maintain_order=True).sort("posting_date", "id")


def daily_rows(final: pl.DataFrame) -> list[pl.DataFrame]:
    """Distribute rows over files, of which later ones correct and delete rows of earlier ones.

    The first file has a wrong price for its first rows, listings that are deleted later, and a listing that
    is deleted and comes back; the last has rows that were posted on the first day.
    """
    days = [final[start::DAYS][:ROWS] for start in range(DAYS)]  # each day has rows of all posting dates
    withdrawn = days[0].tail(40).with_columns(pl.concat_str(pl.lit("9"), "id").alias("id"))
    wrong = days[1].head(60).with_columns(price=pl.lit("99999"))
    days[0] = pl.concat([days[0], withdrawn, wrong, days[3].head(5)])
    deletions = pl.concat([withdrawn.select("id"), days[3].head(5).select("id")])
    days[2] = pl.concat([days[2], deletions.with_columns(deleted=pl.lit("true"))], how="diagonal")
    return days


def write_days(
    days: list[pl.DataFrame],
    folder: Path,
    *,
    suffix: str = ".parquet",
    writers: Mapping[str, Writer] | None = None,
) -> list[Path]:
    """Write one file a day."""
    folder.mkdir(parents=True, exist_ok=True)
    write = {**WRITERS, **(writers or {})}[suffix]
    paths = [folder / f"2026-05-{number:02}{suffix}" for number in range(1, len(days) + 1)]
    for rows, path in zip(days, paths, strict=True):
        write(rows, path)
    return paths


WRITERS: Mapping[str, Writer] = {
    ".parquet": lambda rows, path: rows.write_parquet(path),
    ".csv": lambda rows, path: rows.write_csv(path),
    ".csv.gz": lambda rows, path: rows.write_csv(path, compression="gzip"),
    ".ndjson": lambda rows, path: rows.write_ndjson(path),
}
