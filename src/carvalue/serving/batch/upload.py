"""An upload on its way to rows: onto disk as it comes, then read apart."""

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
from carvalue.serving.requests import BodyTooSlow

AT_ONCE = 2  # a core each at most, and disk for as many; single quotes need some as well
ABANDONED_S = 3_600  # nothing is priced for so long: its process was killed
SILENCE_S = 10  # a client that says nothing for so long is stuck, or wants to be
UPLOAD_S = 900
PIECE_BYTES = 2**20


class UploadTooLarge(AppError):
    """More bytes than are taken for one request."""

    status, hint = 413, "Send it in parts, one request after the other; BATCH_LIMIT_MB is the limit."


class UploadsBusy(AppError):
    """As many files as are taken at a time are being priced."""

    status, hint = 503, "Try again in some seconds; single quotes are answered meanwhile."


class DiskFull(AppError):
    """The disk of the service takes no more."""

    status, hint = 507, "Send a smaller file, or make room below STATE_DIR of the service."


@dataclass(kw_only=True)
class UploadFolder:
    """A folder for uploads while they are priced, the bytes that one may have, and how many there are now."""

    folder: Path
    limit_bytes: int
    running: int = 0

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[Path]:
        """Give a folder for one upload and what becomes of it; it goes afterwards.

        Raises:
            UploadsBusy: there are `AT_ONCE` already.
            DiskFull: the disk takes no more.
        """
        if self.running >= AT_ONCE:
            raise UploadsBusy(f"{AT_ONCE} files are being priced already.")
        self.running += 1
        try:
            scratch = await asyncio.to_thread(_make_folder, self.folder)
            try:
                yield scratch
            finally:
                await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        finally:
            self.running -= 1

    async def rows(self, request: Request, *, suffix: str, scratch: Path) -> Path:
        """Take a body and turn it into a Parquet file of text, with the columns of a listing.

        Raises:
            UploadTooLarge: it is, or says that it is, longer than the limit.
            BodyTooSlow: it stopped coming, or would take for ever.
            DiskFull: it does not fit onto the disk.
            UploadUnreadable: it is damaged, no such file, or cannot be read within the limits.
            TooManyRows: that many are not priced at a time.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.limit_bytes:
            raise UploadTooLarge(f"The body has {declared[:20]} bytes, the limit is {self.limit_bytes}.")
        upload, rows = scratch / f"upload{suffix}", scratch / "rows.parquet"
        try:
            await _receive(request, into=upload, limit_bytes=self.limit_bytes)
        except TimeoutError:
            raise BodyTooSlow(f"Nothing came for {SILENCE_S} s, or not all in {UPLOAD_S} s.") from None
        except OSError as error:
            raise DiskFull(f"The body cannot be stored: {error.strerror}.") from error
        await asyncio.to_thread(
            convert_in_sandbox, upload, into=rows, columns=tuple(FIELD_BY_NAME), aliases=ALIASES
        )
        upload.unlink()
        return rows


async def _receive(request: Request, *, into: Path, limit_bytes: int) -> None:
    now = asyncio.get_running_loop().time
    end, came, piece = now() + UPLOAD_S, 0, bytearray()
    with into.open("wb") as file:
        async with asyncio.timeout(SILENCE_S) as limit:
            async for chunk in request.stream():
                limit.reschedule(min(now() + SILENCE_S, end))
                came += len(chunk)
                if came > limit_bytes:
                    raise UploadTooLarge(f"The body has more than {limit_bytes} bytes.")
                piece += chunk
                if len(piece) >= PIECE_BYTES:
                    await asyncio.to_thread(file.write, bytes(piece))
                    piece.clear()
        await asyncio.to_thread(file.write, bytes(piece))


def _make_folder(root: Path) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.iterdir():
            with suppress(FileNotFoundError):  # another upload's own folder, which has just gone
                if time.time() - left.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(left, ignore_errors=True)
        return Path(mkdtemp(dir=root))
    except OSError as error:
        raise DiskFull(f"There is no place for the body: {error.strerror}.") from error
