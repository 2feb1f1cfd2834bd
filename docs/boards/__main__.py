"""Draw the dashboards for the documentation: `make boards`. Needs Prometheus (apt install prometheus).

Grafana itself is not needed: the queries of the dashboards run on a Prometheus with a recorded day of
traffic, and their results are drawn as the dashboards say.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from draw import draw_board
from record import record_day
from results import recorded

from carvalue.platform.observability.dashboards import dashboard_files
from carvalue.settings import Settings

IMAGES = Path(__file__).parents[1] / "images"


def main() -> None:
    """Record a day, run all queries, and write a picture of each dashboard."""
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with TemporaryDirectory() as name:
        folder = Path(name)
        samples = record_day(folder, end=end)
        with recorded(samples, folder, end=end) as prometheus:
            for board, content in dashboard_files(Settings()).items():
                draw_board(
                    content, prometheus, IMAGES / f"board-{Path(board).stem.removeprefix('carvalue-')}.png"
                )


if __name__ == "__main__":
    main()
