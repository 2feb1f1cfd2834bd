"""Parse untrusted uploads in a subprocess, so that a parser crash cannot take down the caller."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from carvalue.errors import AppError
from carvalue.files.tabular.ndjson import NO_ALIASES
from carvalue.files.tabular.sandboxed_reader import MEMORY_BYTES, OUT_OF_MEMORY, TooManyRows

READ_S = 180
READER = "carvalue.files.tabular.sandboxed_reader"
# the subprocess gets no setting and no secret; few threads, because each thread takes memory of its limit
ENVIRONMENT = {"POLARS_MAX_THREADS": "2", "LC_ALL": "C.UTF-8"}

logger = logging.getLogger(__name__)


class UploadUnreadable(AppError):
    """The file does not have the format that it claims, is damaged, or cannot be read within the limits."""

    status, hint = 422, "Make sure that the file is whole, and is what its name or `Content-Type` says."


def convert_in_sandbox(
    upload: Path,
    *,
    into: Path,
    columns: Sequence[str] | None = None,
    aliases: Mapping[str, str] = NO_ALIASES,
) -> None:
    """Convert an untrusted file, in a subprocess, to a Parquet file that is safe to read.

    Args:
        upload: The file; its suffix names its format.
        into: The Parquet file to write, in the same folder.
        columns: Names of the columns to keep, as text; None keeps all columns of a Parquet file unchanged.
        aliases: Alternative column names, alias to name.

    Raises:
        UploadUnreadable: The file is damaged, missing, or cannot be read within the limits.
        TooManyRows: It has more than `MAX_ROWS` rows.
    """
    request = {
        "upload": upload.name,
        "into": into.name,
        "columns": None if columns is None else list(columns),
        "aliases": dict(aliases),
    }
    command = [sys.executable, "-m", READER, json.dumps(request)]
    try:
        completed = subprocess.run(  # noqa: S603  # this program, with file names chosen by the caller
            command, cwd=upload.parent, env=ENVIRONMENT, capture_output=True, timeout=READ_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UploadUnreadable(f"The file cannot be read within {READ_S} s.") from None
    if completed.returncode == OUT_OF_MEMORY:
        raise UploadUnreadable(
            f"The file needs more than {MEMORY_BYTES // 2**20} MiB of memory when it is decompressed."
        )
    if completed.returncode:
        logger.warning("the reader of an upload crashed", extra={"code": completed.returncode})
        raise UploadUnreadable(
            "The file is damaged, or needs more memory than the limit when it is decompressed."
        )
    result = json.loads(completed.stdout)
    if "rows" not in result:
        raise (TooManyRows if result["status"] == TooManyRows.status else UploadUnreadable)(result["message"])
