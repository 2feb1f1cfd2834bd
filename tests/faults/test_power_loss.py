"""Power is lost at any point of the work of any store: what was acknowledged is there at the next start.

`make bench-robustness` tries every point of longer work.
"""

from pathlib import Path

import pytest

from faults.crashes import crash_everywhere
from faults.stores import STORES

POINTS = 40
"""The number of crash points of one store."""


@pytest.mark.parametrize("name", STORES)
def test_acknowledged_work_survives_a_loss_of_power(name: str, logs: Path, tmp_path: Path) -> None:
    found = crash_everywhere(name, logs, tmp_path, points=POINTS)

    assert found.points >= min(POINTS, 20)
    assert list(found.examples.values()) == []
