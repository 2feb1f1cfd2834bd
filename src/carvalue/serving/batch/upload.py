"""Receive an uploaded file: store it on disk while it arrives, then convert it in a sandboxed subprocess."""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from starlette.requests import Request

from carvalue.errors import AppError
from carvalue.files.tabular import convert_in_sandbox
from carvalue.listings import ALIASES, FIELD_BY_NAME
from carvalue.serving.http import BodyTooSlow

MAX_UPLOADS = 2  # at a time; each may use a core and its part of the disk, which single quotes need too
ABANDONED_S = 3_600  # no file takes an hour: the process that priced it was killed
IDLE_TIMEOUT_S = 10  # between two parts of a body
UPLOAD_TIMEOUT_S = 900  # for a whole body
CHUNK_BYTES = 2**20


class UploadTooLarge(AppError):
    """The body is larger than `BATCH_LIMIT_MB`."""

    status, hint = 413, "Send it in parts, one request after the other; BATCH_LIMIT_MB is the limit."


class UploadsBusy(AppError):
    """`MAX_UPLOADS` files are being priced already."""

    status, hint = 503, "Try again in some seconds; single quotes are answered meanwhile."


class DiskFull(AppError):
    """The disk of the service is full or cannot be written."""

    status, hint = 507, "Send a smaller file, or make room below STATE_DIR of the service."


@dataclass(kw_only=True)
class UploadFolder:
    """A folder for uploads while they are priced.

    Attributes:
        folder: the folder; it is made when needed.
        limit_bytes: largest size of an upload.
        running: how many uploads are being priced now.
    """

    folder: Path
    limit_bytes: int
    running: int = 0

    @asynccontextmanager
    async def scratch_folder(self) -> AsyncGenerator[Path]:
        """Make a folder for one upload and its temporary files; it is deleted at the end of the block.

        Yields:
            The folder.

        Raises:
            UploadsBusy: `MAX_UPLOADS` files are being priced already.
            DiskFull: the folder cannot be made.
        """
        if self.running >= MAX_UPLOADS:
            raise UploadsBusy(f"{MAX_UPLOADS} files are being priced already.")
        self.running += 1
        try:
            scratch = await asyncio.to_thread(_make_folder, self.folder)
            try:
                yield scratch
            finally:
                await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        finally:
            self.running -= 1

    async def receive(self, request: Request, *, suffix: str, scratch: Path) -> Path:
        """Receive a body and convert it into a Parquet file of text, with the columns of a listing.

        Args:
            request: its body is a file of rows.
            suffix: suffix of the format, with the dot.
            scratch: folder for the upload and for the result.

        Returns:
            The Parquet file.

        Raises:
            UploadTooLarge: the body is longer than the limit, or declares that it is.
            BodyTooSlow: the body stopped arriving, or took too long as a whole.
            DiskFull: the body does not fit on the disk.
            UploadUnreadable: the file is damaged, has another format, or needs more than the sandbox allows.
            TooManyRows: the file has more rows than the service prices at a time.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.limit_bytes:
            raise UploadTooLarge(f"The body has {declared[:20]} bytes, the limit is {self.limit_bytes}.")
        upload, rows = scratch / f"upload{suffix}", scratch / "rows.parquet"
        try:
            await _receive(request, into=upload, limit_bytes=self.limit_bytes)
        except TimeoutError:
            raise BodyTooSlow(
                f"Nothing came for {IDLE_TIMEOUT_S} s, or not all in {UPLOAD_TIMEOUT_S} s."
            ) from None
        except OSError as error:
            raise DiskFull(f"The body cannot be stored: {error.strerror}.") from error
        await asyncio.to_thread(
            convert_in_sandbox, upload, into=rows, columns=tuple(FIELD_BY_NAME), aliases=ALIASES
        )
        upload.unlink()
        return rows


async def _receive(request: Request, *, into: Path, limit_bytes: int) -> None:
    now = asyncio.get_running_loop().time
    end, size, chunk = now() + UPLOAD_TIMEOUT_S, 0, bytearray()
    with into.open("wb") as file:
        async with asyncio.timeout(IDLE_TIMEOUT_S) as timeout:
            async for part in request.stream():
                timeout.reschedule(min(now() + IDLE_TIMEOUT_S, end))
                size += len(part)
                if size > limit_bytes:
                    raise UploadTooLarge(f"The body has more than {limit_bytes} bytes.")
                chunk += part
                if len(chunk) >= CHUNK_BYTES:
                    await asyncio.to_thread(file.write, bytes(chunk))
                    chunk.clear()
        await asyncio.to_thread(file.write, bytes(chunk))


def _make_folder(root: Path) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        for folder in root.iterdir():
            with suppress(FileNotFoundError):  # another upload has just deleted its folder
                if time.time() - folder.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)
        return Path(mkdtemp(dir=root))
    except OSError as error:
        raise DiskFull(f"The body cannot be stored: {error.strerror}.") from error
