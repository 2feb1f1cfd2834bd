"""Compare rows with each other: corrected and deleted rows, duplicates, and listings of the same car.

Only keys are compared, in buckets of equal keys. What is found about a row goes back to its part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import identity, rules
from carvalue.listings.cleaning.parsing import FILE, ParsedPart
from carvalue.parallel import (
    ROW,
    Table,
    Workers,
    number_rows,
    part_file,
    shuffle,
    table_of,
    with_part,
    written_part,
)

DELETED_BY_SOURCE = "deleted by its source"
CORRECTED = "corrected in a later file"
SAME_ID = "id came before"
SAME_ADVERTISEMENT = "same advertisement came before"

ID_KEY = "id_key"
VERDICTS = {ROW: pl.UInt64, "superseded": pl.String, "duplicate": pl.String}
SURVIVORS = (ROW, "id", "posted_at", "described", "vin", "content")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the comparison of all rows found.

    Attributes:
        verdicts: One table for each part: the reason for each row that another row of all parts replaces, in
            the columns `superseded` or `duplicate`.
        links: The columns `described` and `car` of the cars that a VIN links with another description, as a
            Parquet file. The car of all other descriptions is the description's key.
    """

    verdicts: list[Table]
    links: Path


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The files that the comparison of a bucket wrote.

    Attributes:
        verdicts: The reasons for rows that another row replaces.
        survivors: The keys of the other rows.
    """

    verdicts: Path
    survivors: Path


def compare_rows(parts: Sequence[ParsedPart], *, workers: Workers, into: Path) -> Comparison:
    """Find rows that another row replaces, and link cars.

    Args:
        parts: All parsed rows.
        workers: Where the tasks run.
        into: A folder for temporary files.

    Returns:
        The verdicts, and the links between descriptions.
    """
    keys = [partial(_keys, part) for part in parts]
    by_id = shuffle(keys, by=ID_KEY, workers=workers, into=into / "by-id")
    ids = workers.map(
        partial(_compare_ids, into=into / "ids"), list(enumerate(by_id)), description="compare ids"
    )
    survivors = [table_of([compared.survivors]) for compared in ids]
    by_content = shuffle(survivors, by="content", workers=workers, into=into / "by-content")
    contents = workers.map(
        partial(_compare_contents, into=into / "contents"),
        list(enumerate(by_content)),
        description="compare contents",
    )
    verdicts = [partial(_verdicts, compared.verdicts) for compared in (*ids, *contents)]
    return Comparison(
        verdicts=shuffle(verdicts, by="part", workers=workers, into=into / "by-part", buckets=len(parts)),
        links=_link_descriptions([compared.survivors for compared in contents], workers=workers, into=into),
    )


def _keys(part: ParsedPart) -> pl.LazyFrame:
    numbered = number_rows(pl.scan_parquet(part.path), part=part.number)
    return numbered.filter(pl.col("id").is_not_null()).select(
        *SURVIVORS,
        FILE,
        rules.DELETED,
        is_valid=pl.col("reason").is_null(),
        **{ID_KEY: pl.col("id").hash()},
    )


def _compare_ids(numbered: tuple[int, Table], *, into: Path) -> Compared:
    """Find superseded rows and duplicates among all rows with some ids."""
    number, table = numbered
    keys = table().select(pl.exclude(ID_KEY)).collect(engine="streaming")
    keys = keys.with_columns(_superseded(keys))
    valid = keys.filter(pl.col("is_valid") & pl.col("superseded").is_null()).select(SURVIVORS)
    superseded = keys.filter(pl.col("superseded").is_not_null()).select(ROW, "superseded")
    del keys
    # of duplicates the earliest is kept, whatever the order of the file
    valid = valid.sort("posted_at", "id", "content", ROW)
    is_first = valid["id"].is_first_distinct()
    duplicates = valid.filter(~is_first).select(ROW, duplicate=pl.lit(SAME_ID))
    return _write(number, [superseded, duplicates], valid.filter(is_first), into=into)


def _superseded(keys: pl.DataFrame) -> pl.Series:
    """Find rows that a later file corrects or deletes, also if it does so with invalid values."""
    if keys[FILE].n_unique() <= 1 and not keys[rules.DELETED].any():
        return pl.repeat(None, keys.height, dtype=pl.String, eager=True).alias("superseded")
    # group and join: the same with `over` takes a hundred times as long where most ids are different
    newest = keys.group_by("id").agg(newest=pl.col(FILE).max())
    keys = keys.join(newest, on="id", how="left", maintain_order="left")
    deleted = keys.filter(pl.col(rules.DELETED) & (pl.col(FILE) == pl.col("newest")))["id"].unique()
    is_deleted = pl.col("id").is_in(deleted.implode())
    is_corrected = pl.col(FILE) < pl.col("newest")
    reason = pl.when(is_deleted).then(pl.lit(DELETED_BY_SOURCE)).when(is_corrected).then(pl.lit(CORRECTED))
    return keys.select(reason.alias("superseded")).to_series()


def _compare_contents(numbered: tuple[int, Table], *, into: Path) -> Compared:
    """Find duplicates among all valid rows with some contents; their ids are different."""
    number, table = numbered
    rows = table().collect(engine="streaming").sort("posted_at", "id")
    is_first = rows["content"].is_first_distinct()
    duplicates = rows.filter(~is_first).select(ROW, duplicate=pl.lit(SAME_ADVERTISEMENT))
    linked = rows.filter(is_first & pl.col("vin").is_not_null()).select("vin", "described").unique()
    return _write(number, [duplicates], linked, into=into)


def _write(number: int, verdicts: Sequence[pl.DataFrame], survivors: pl.DataFrame, *, into: Path) -> Compared:
    compared = Compared(
        verdicts=part_file(into / "verdicts", number), survivors=part_file(into / "survivors", number)
    )
    with written_part(compared.verdicts) as temporary:
        rows = pl.concat([pl.DataFrame(schema=VERDICTS), *verdicts], how="diagonal")
        rows.write_parquet(temporary, compression="lz4", statistics=False)
    with written_part(compared.survivors) as temporary:
        survivors.write_parquet(temporary, compression="lz4", statistics=False)
    return compared


def _verdicts(path: Path) -> pl.LazyFrame:
    return with_part(pl.scan_parquet(path))


def _link_descriptions(pairs: Sequence[Path], *, workers: Workers, into: Path) -> Path:
    """Find the connected components of descriptions; only VINs with several descriptions join any."""
    tables = [table_of([path]) for path in pairs]
    by_vin = shuffle(tables, by="vin", workers=workers, into=into / "by-vin")
    joining = workers.map(
        partial(_joining_vins, into=into / "joining"), list(enumerate(by_vin)), description="link cars"
    )
    edges = pl.concat(map(pl.read_parquet, joining))
    cars = edges.select("described", car=identity.link_cars(edges["described"], edges["vin"]))
    path = into / "links.parquet"
    cars.filter(pl.col("car") != pl.col("described")).unique().write_parquet(path)
    return path


def _joining_vins(numbered: tuple[int, Table], *, into: Path) -> Path:
    number, table = numbered
    pairs = table().unique().collect(engine="streaming")
    several = pairs.group_by("vin").len().filter(pl.col("len") > 1)
    path = part_file(into, number)
    with written_part(path) as temporary:
        pairs.join(several, on="vin", how="semi").write_parquet(temporary)
    return path
