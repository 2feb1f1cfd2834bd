"""The site, built once for all tests of the documentation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from made_once import made_once
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
def website() -> Website:
    """Build the site strictly and offline; parallel workers share one build."""
    return Website(made_once.get("site", build))


def build(site: Path) -> None:
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
