"""A short load test: model swaps and a journal outage lose no quote and fail no request."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from markets import a_bundle

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[3]
SECONDS = 20  # several polls of the registry between the swaps


def test_load_with_swaps_and_an_outage_fails_and_loses_nothing(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "benchmarks.load", a_bundle(tmp_path), "--seconds", str(SECONDS))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert re.search(r"answered [1-9][\d,]+, failed 0, not in the journal 0, other there 0", done.stdout)
    assert "quotes by versions 1, 2" in done.stdout
