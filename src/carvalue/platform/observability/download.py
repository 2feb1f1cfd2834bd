"""Download, verify and unpack official releases of monitoring programs."""

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK, file_lock
from carvalue.platform.observability.releases import Release, architecture

CONNECT_S, READ_S = 5.0, 30.0  # offline is found out at once; a server that sends nothing is given up
LIMIT_S = 900.0  # for one archive
MEGABYTE = 1_000_000
UNFINISHED = f"download{TEMPORARY_MARK}"

Progress = Callable[[str], None]
"""Function that shows the present activity in place of the previous one."""


class DownloadFailed(AppError):
    """A release could not be downloaded; nothing was unpacked."""

    status = 503
    hint = "Install the program yourself, or run `make build` again where there is internet."


def downloaded_program(release: Release, folder: Path) -> str | None:
    """Find the program of a release that was downloaded.

    Args:
        release: The release.
        folder: Folder of downloaded programs.

    Returns:
        Its path; None if this version was not downloaded.
    """
    program = _home(release, folder) / release.program
    return str(program) if program.is_file() else None


def download_release(release: Release, folder: Path, *, progress: Progress) -> None:
    """Download the archive for this machine, compare its checksum, and unpack it. Older versions are deleted.

    Args:
        release: The release.
        folder: Folder of downloaded programs; created if needed.
        progress: Shows how much has arrived.

    Raises:
        DownloadFailed: There is no archive for this machine, the server does not answer or sends something
            else, or the disk is full.
    """
    expected = release.sha256.get(architecture())
    if expected is None:
        raise DownloadFailed(
            f"{release.name} has no release for this machine: expected Linux on x86-64 or ARM64."
        )
    url, home = release.url.format(arch=architecture()), _home(release, folder)
    try:
        with file_lock(folder / ".lock"):
            if home.exists():
                return  # another command was faster
            for left in folder.glob(f"{UNFINISHED}*"):
                shutil.rmtree(left)
            with TemporaryDirectory(dir=folder, prefix=UNFINISHED) as temporary:
                archive = Path(temporary) / "archive"
                digest = _fetch(url, archive, name=f"{release.name} {release.version}", progress=progress)
                if digest != expected:
                    raise DownloadFailed(f"{url} has the SHA-256 {digest}: expected {expected}.")
                progress(f"unpacking {release.name} {release.version}")
                _unpack(archive, release, home)
    except (httpx.HTTPError, tarfile.TarError, OSError) as error:
        raise DownloadFailed(f"{url} cannot be downloaded ({type(error).__name__}: {error}).") from error
    for older in folder.glob(f"{release.name}-*"):
        if older != home:
            shutil.rmtree(older, ignore_errors=True)


def _home(release: Release, folder: Path) -> Path:
    return folder / f"{release.name}-{release.version}"


def _fetch(url: str, path: Path, *, name: str, progress: Progress) -> str:
    """Write the content of a URL into a file; return its SHA-256."""
    digest, received, end = hashlib.sha256(), 0, time.monotonic() + LIMIT_S
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    with (
        httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response,
        path.open("wb") as file,
    ):
        total = int(response.raise_for_status().headers.get("content-length", 0))
        for part in response.iter_bytes():
            if time.monotonic() > end:
                raise DownloadFailed(f"{url} took longer than {LIMIT_S:.0f} s.")
            file.write(part)
            digest.update(part)
            received += len(part)
            progress(f"downloading {name}: {received // MEGABYTE} of {total // MEGABYTE} MB")
    return digest.hexdigest()


def _unpack(archive: Path, release: Release, home: Path) -> None:
    """Unpack an archive of one folder beside the final path and rename that folder."""
    content = archive.with_name("content")
    with tarfile.open(archive) as tar:
        tar.extractall(content, filter="data")
    folders = [*content.iterdir()]
    if len(folders) != 1 or not (folders[0] / release.program).is_file():
        raise DownloadFailed(f"The archive of {release.name} lacks {release.program} in its only folder.")
    os.sync()  # a power loss after the renaming must not leave empty files
    folders[0].rename(home)
