"""A short load test: model swaps and a journal outage lose no quote and fail no request."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from markets import a_bundle

pytestmark = [pytest.mark.platform, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
SECONDS = 20  # several polls of the registry between the swaps


def test_load_with_swaps_and_an_outage_fails_and_loses_nothing(tmp_path: Path) -> None:
    command = (
        *(sys.executable, "-m", "benchmarks.load", a_bundle(tmp_path)),
        *("--seconds", str(SECONDS), "--results", tmp_path),
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    values = json.loads((tmp_path / "load.json").read_text())["values"]
    assert values["quotes"] > 0
    assert (values["failed requests"], values["missing in the journal"]) == (0, 0)
    assert values["different in the journal"] == 0
    assert values["versions that quoted"] == 2
