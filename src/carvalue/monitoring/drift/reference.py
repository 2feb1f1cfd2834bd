"""The drift reference: the training cars that live quotes are compared with."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import StoredFormat, atomic_write
from carvalue.listings import FIELDS
from carvalue.listings.datasets import sampled_cars, some_cars
from carvalue.parallel import (
    IN_PROCESS,
    ROW,
    Table,
    Workers,
    number_rows,
    part_file,
    parts_of,
    scratch_folder,
    shuffle,
    with_part,
    written_part,
)

FORMAT = StoredFormat(kind="drift reference")

logger = logging.getLogger(__name__)

REFERENCE = "reference"
"""The folder of the storage with the references."""

COLUMNS = ("posted_at", *(field.name for field in FIELDS), "price")
"""The rows keep the order of posting: thresholds are calibrated on consecutive rows."""


class ReferenceMissing(AppError):
    """No drift reference was published for a dataset."""

    status, hint = 409, "Run `carvalue run creates_datasets_dag`, or `make build`."


@dataclass(frozen=True, kw_only=True)
class DriftReference:
    """A published reference.

    Attributes:
        path: The Parquet file, with rows in the order of posting.
        fingerprint: The fingerprint of the dataset, which is also the file's name.
        rows: The number of rows.
    """

    path: Path
    fingerprint: str
    rows: int


def publish_reference(
    train: Path, *, fingerprint: str, root: Path, workers: Workers = IN_PROCESS
) -> DriftReference:
    """Publish the training cars as `<root>/<fingerprint>.parquet`, with a JSON file of the same name.

    Each car counts once, as it was first posted. People ask for the price of a car once, but dealers post the
    same car repeatedly, which would change the share of every value. A watcher keeps the reference in memory,
    so of more than a million rows it has a sample of the cars.

    Args:
        train: The training rows, with `car`, `posted_at`, every input and `price`: a Parquet file, or a
            folder of them, each with the rows of a later time.
        fingerprint: The fingerprint of the dataset.
        root: The folder of the references.
        workers: Where the tasks run.

    Returns:
        The published reference.

    >>> from carvalue.listings import NumberField
    >>> inputs = {item.name: [1.0] * 2 if isinstance(item, NumberField) else ["a"] * 2 for item in FIELDS}
    >>> rows = pl.DataFrame({"car": [7, 7], "posted_at": [1, 2], **inputs, "price": [9_000, 8_500]})
    >>> rows.write_parquet("train.parquet")
    >>> publish_reference(Path("train.parquet"), fingerprint="f00d", root=Path("reference")).rows
    1
    >>> find_reference(fingerprint="f00d", root=Path("reference")).path.name
    'f00d.parquet'
    """
    path = root / f"{fingerprint}.parquet"
    root.mkdir(parents=True, exist_ok=True)
    with scratch_folder(root) as scratch, atomic_write(path) as temporary:
        parts = _first_postings(train, workers=workers, scratch=scratch)
        pl.scan_parquet(parts, glob=False).sink_parquet(temporary, engine="streaming")
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    # the JSON file is written last: where it exists, the rows do
    facts = {"fingerprint": fingerprint, "rows": rows, "columns": COLUMNS}
    FORMAT.write(path.with_suffix(".json"), facts)
    logger.info("reference published", extra={"fingerprint": fingerprint, "rows": rows})
    return DriftReference(path=path, fingerprint=fingerprint, rows=rows)


def find_reference(*, fingerprint: str, root: Path) -> DriftReference:
    """Find the reference of a dataset.

    Args:
        fingerprint: The fingerprint of the dataset.
        root: The folder of the references.

    Returns:
        The published reference.

    Raises:
        ReferenceMissing: It was not published.
        FormatUnknown: A newer release published it.
    """
    path = root / f"{fingerprint}.parquet"
    try:
        rows = FORMAT.read(path.with_suffix(".json"))["rows"]
    except OSError as error:
        raise ReferenceMissing(f"No reference for dataset {fingerprint} in {root}.") from error
    return DriftReference(path=path, fingerprint=fingerprint, rows=rows)


def _first_postings(train: Path, *, workers: Workers, scratch: Path) -> list[Path]:
    """Write the first posting of each car, in the order of posting."""
    parts, one_in = list(enumerate(parts_of(train))), sampled_cars(train)
    postings = [partial(_postings, part, one_in=one_in) for part in parts]
    by_car = shuffle(postings, by="car", workers=workers, into=scratch / "by-car")
    found = workers.map(
        partial(_write_first, into=scratch / "first"), list(enumerate(by_car)), description="find first"
    )
    tables = [partial(_rows, path) for path in found]
    by_part = shuffle(tables, by="part", workers=workers, into=scratch / "by-part", buckets=len(parts))
    return workers.map(
        partial(_write_postings, into=scratch / "postings"),
        list(zip(parts, by_part, strict=True)),
        description="write the reference",
    )


def _postings(part: tuple[int, Path], *, one_in: int) -> pl.LazyFrame:
    number, path = part
    rows = number_rows(pl.scan_parquet(path), part=number).select(ROW, "car", "posted_at")
    return some_cars(rows, one_in=one_in)


def _write_first(numbered: tuple[int, Table], *, into: Path) -> Path:
    number, table = numbered
    path = part_file(into, number)
    with written_part(path) as temporary:
        first = table().group_by("car").agg(pl.col(ROW).sort_by("posted_at", ROW).first())
        first.select(ROW).sink_parquet(temporary, engine="streaming")
    return path


def _rows(path: Path) -> pl.LazyFrame:
    return with_part(pl.scan_parquet(path))


def _write_postings(chosen: tuple[tuple[int, Path], Table], *, into: Path) -> Path:
    (number, file), rows = chosen
    path = part_file(into, number)
    with written_part(path) as temporary:
        postings = number_rows(pl.scan_parquet(file), part=number).join(rows(), on=ROW, how="semi")
        postings.sort("posted_at", ROW).select(COLUMNS).sink_parquet(temporary, engine="streaming")
    return path
