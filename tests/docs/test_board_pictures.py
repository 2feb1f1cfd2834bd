"""The program that draws the dashboards for the documentation understands every panel."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from carvalue.platform.observability.dashboards import dashboard_files
from carvalue.settings import Settings

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "boards"))

from draw import draw_board  # noqa: E402  # a program of the documentation
from results import DAY, STEP_S, Series  # noqa: E402

BOARDS = {Path(name).stem: board for name, board in dashboard_files(Settings()).items()}
END = datetime(2026, 1, 2, tzinfo=UTC)


class Recorded:
    """A Prometheus in which every series rises from 0 to 1 over the day, with each label of the legends."""

    end = END

    def range(self, query: str) -> list[Series]:
        start = (END - DAY).timestamp()
        times = tuple(start + STEP_S * number for number in range(int(DAY.total_seconds()) // STEP_S + 1))
        values = tuple(number / len(times) for number in range(len(times)))
        labels = dict.fromkeys(("channel", "feature", "instance", "job", "kind", "version"), "one")
        bounds = ("10", "20", "+Inf") if "by (le)" in query else ("10",)
        return [Series(labels={**labels, "le": bound}, times=times, values=values) for bound in bounds]

    def newest(self, query: str) -> list[Series]:
        return [
            Series(labels=item.labels, times=item.times[-1:], values=item.values[-1:])
            for item in self.range(query)
        ]


class Empty(Recorded):
    """A Prometheus without data."""

    def range(self, query: str) -> list[Series]:
        return []


@pytest.mark.parametrize("prometheus", [Recorded(), Empty()], ids=["data", "no data"])
@pytest.mark.parametrize("name", BOARDS)
def test_each_dashboard_can_be_drawn(name: str, prometheus: Any, tmp_path: Path) -> None:
    draw_board(BOARDS[name], prometheus, tmp_path / "board.png")

    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", BOARDS)
def test_the_documentation_shows_each_dashboard(name: str) -> None:
    picture = f"board-{name.removeprefix('carvalue-')}.png"

    assert f"](../images/{picture})" in (ROOT / "docs" / "how-to" / "read-dashboards.md").read_text()
    assert (ROOT / "docs" / "images" / picture).is_file()
