"""The site, built once for all tests of the documentation."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from website import Website

ROOT = Path(__file__).parents[2]
LIMIT_S = 600
# no connection may leave the process: the build must work without the internet
BUILD = """
import socket, sys
def refuse(*arguments): raise OSError("the build of the documentation opened a connection")
socket.socket.connect = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli(["build", "--strict", "--quiet", "--site-dir", sys.argv[1]])
"""


@pytest.fixture(scope="session")
def website(tmp_path_factory: pytest.TempPathFactory) -> Website:
    """Build the site strictly and offline; parallel workers share one build."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    site = folder / "site"
    with (folder / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (site / "complete").exists():
            done = subprocess.run(
                [sys.executable, "-c", BUILD, str(site)],
                cwd=ROOT,
                env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            (site / "complete").touch()
    return Website(site)
