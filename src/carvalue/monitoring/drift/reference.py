"""The drift reference: the training cars that live quotes are compared with."""

import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import StoredFormat, atomic_write
from carvalue.listings import FIELDS

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


def publish_reference(train: Path, *, fingerprint: str, root: Path) -> DriftReference:
    """Publish the training cars as `<root>/<fingerprint>.parquet`, with a JSON file of the same name.

    Each car counts once, as it was first posted. People ask for the price of a car once, but dealers post the
    same car repeatedly, which would change the share of every value.

    Args:
        train: A Parquet file of the training rows, with `car`, `posted_at`, every input and `price`.
        fingerprint: The fingerprint of the dataset.
        root: The folder of the references.

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
    with atomic_write(path) as temporary:
        postings = pl.read_parquet(train, columns=["car", *COLUMNS]).sort("posted_at", maintain_order=True)
        postings.unique("car", keep="first", maintain_order=True).select(COLUMNS).write_parquet(temporary)
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
