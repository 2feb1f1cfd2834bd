"""Let a process of its own read what a stranger sent: what it dies of ends nothing else."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Literal

from carvalue.errors import AppError
from carvalue.listings.read_upload import TooManyRows

READ_S = 180
READER = "carvalue.listings.read_upload"
# no setting and no secret; as many threads as leave its memory to the rows
ENVIRONMENT = {"POLARS_MAX_THREADS": "2", "LC_ALL": "C.UTF-8"}

logger = logging.getLogger(__name__)


class UploadUnreadable(AppError):
    """The file is not what it is said to be."""

    status, hint = 422, "Make sure that the file is whole, and is what its name or `Content-Type` says."


def read_apart(way: Literal["listings", "table"], upload: Path, *, into: Path) -> None:
    """Turn a file into a Parquet file of ours in the same folder, which may be read without care.

    Args:
        way: the columns of a listing, as text; or a Parquet file as it is.
        upload: the file; its name ends as its format does.
        into: what to write.

    Raises:
        UploadUnreadable: it is damaged, no such file, or cannot be read within the limits.
        TooManyRows: that many are not read at a time.
    """
    command = [sys.executable, "-m", READER, way, upload.name, into.name]
    try:
        read = subprocess.run(  # noqa: S603  # our own program, with names that we gave
            command, cwd=upload.parent, env=ENVIRONMENT, capture_output=True, timeout=READ_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UploadUnreadable(f"The file cannot be read within {READ_S} s.") from None
    if read.returncode:
        logger.warning("an upload ended its reader", extra={"code": read.returncode})
        raise UploadUnreadable("The file is damaged, or unfolds to more than can be held.")
    told = json.loads(read.stdout)
    if "rows" not in told:
        raise (TooManyRows if told["status"] == TooManyRows.status else UploadUnreadable)(told["message"])
