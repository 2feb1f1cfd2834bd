"""The drift reference: what live inputs are compared with, the cars that the model was trained on."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import atomic_write
from carvalue.listings import FIELDS

logger = logging.getLogger(__name__)

COLUMNS = ("posted_at", *(field.name for field in FIELDS), "price")
"""The time of posting stays, in its order: thresholds are calibrated on consecutive rows."""


class ReferenceMissing(AppError):
    """There is no drift reference for a dataset."""

    status, hint = 409, "Run `carvalue run creates_datasets_dag`, or `make build`."


@dataclass(frozen=True, kw_only=True)
class DriftReference:
    """A published reference: Parquet rows in the order of posting, named by their dataset's fingerprint."""

    path: Path
    fingerprint: str
    rows: int


def publish_reference(train: Path, *, fingerprint: str, root: Path) -> DriftReference:
    """Publish the training cars' features and prices as `<root>/<fingerprint>.parquet`, a JSON beside it.

    A car counts once, as it was first posted: people enter a car once, while dealers post the same one again
    and again, which shifts every share. On the real listings, the cars of the days after the training's look
    like those of the training; with every posting counted they look like another market.
    """
    path = root / f"{fingerprint}.parquet"
    with atomic_write(path) as aside:
        postings = pl.read_parquet(train, columns=["car", *COLUMNS]).sort("posted_at", maintain_order=True)
        postings.unique("car", keep="first", maintain_order=True).select(COLUMNS).write_parquet(aside)
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    # the JSON comes last: where it is, the rows are
    with atomic_write(path.with_suffix(".json")) as aside:
        aside.write_text(json.dumps({"fingerprint": fingerprint, "rows": rows, "columns": COLUMNS}, indent=2))
    logger.info("reference published", extra={"fingerprint": fingerprint, "rows": rows})
    return DriftReference(path=path, fingerprint=fingerprint, rows=rows)


def find_reference(*, fingerprint: str, root: Path) -> DriftReference:
    """Find the reference of a dataset.

    Raises:
        ReferenceMissing: there is none.
    """
    path = root / f"{fingerprint}.parquet"
    try:
        rows = json.loads(path.with_suffix(".json").read_text())["rows"]
    except OSError as error:
        raise ReferenceMissing(f"No reference for dataset {fingerprint} under {root}.") from error
    return DriftReference(path=path, fingerprint=fingerprint, rows=rows)
