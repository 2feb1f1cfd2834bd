"""What a dashboard is made of, and the queries that several panels share."""

from dataclasses import dataclass
from typing import Literal

from carvalue.telemetry import metrics

Shape = Literal["lines", "stat", "states", "heat"]
Color = Literal["gray", "green", "orange", "red", "blue", "transparent"]
Steps = tuple[tuple[float | None, Color], ...]
"""Colours by the value from which they apply; None stands for minus infinity and comes first."""

INSTANCE = '{instance=~"$instance"}'
CHANNEL = '{channel=~"$channel"}'
SUMMARY_HEIGHT, HEIGHT = 4, 8  # rows of Grafana's grid

DRIFT_STEPS: Steps = ((None, "gray"), (0, "green"), (1, "orange"), (2, "red"))
UP_STEPS: Steps = ((None, "red"), (1, "green"))
NEUTRAL: Steps = ((None, "blue"),)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of a dashboard.

    Attributes:
        title: Title of the panel.
        shape: `lines` over time, `stat` (a number), `states` over time, or `heat` (heat map of a histogram).
        queries: PromQL query -> legend.
        description: Explanation shown beside the title.
        unit: Grafana's name of the unit.
        width: Number of Grafana's 24 columns.
        low: Start of the axis; None: chosen by Grafana.
        high: End of the axis; None: chosen by Grafana.
        steps: Colours of a number or a state; of lines the thresholds that are drawn.
        texts: What numbers mean, such as 2 -> `confirmed`.
        runbook: The alert whose runbook the panel links to; empty for none.
        empty: What the panel says without data.
        decimals: Number of decimals; None: chosen by Grafana.
    """

    title: str
    shape: Shape
    queries: dict[str, str]
    description: str
    unit: str = "short"
    width: int = 12
    low: float | None = None
    high: float | None = None
    steps: Steps = ()
    texts: tuple[tuple[int, str], ...] = ()
    runbook: str = ""
    empty: str = ""
    decimals: int | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels under one heading.

    Attributes:
        title: The heading.
        panels: Panels in reading order; together they fill whole lines of the grid.
        height: Height of each panel in rows of the grid.
    """

    title: str
    panels: tuple[Panel, ...]
    height: int = HEIGHT


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard.

    Attributes:
        uid: Grafana's id of the dashboard, and the stem of its file.
        title: Title of the dashboard.
        description: What the dashboard answers.
        variables: Names of the variables that its queries use.
        rows: The rows; the first one is the summary.
    """

    uid: str
    title: str
    description: str
    variables: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of all rows, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def rate(metric: metrics.MetricSpec, where: str = "") -> str:
    """Return the rate of a counter or of the buckets of a histogram over the chosen window.

    Args:
        metric: The metric.
        where: Label matchers in braces; empty for none.

    Returns:
        PromQL, per second.
    """
    series = metric.name + ("_bucket" if metric.kind == "histogram" else "")
    return f"rate({series}{where}[$window])"


def quantile(share: float, metric: metrics.MetricSpec, where: str = "") -> str:
    """Return a quantile of a histogram over the chosen window.

    Args:
        share: The quantile, such as 0.5.
        metric: The histogram.
        where: Label matchers in braces; empty for none.

    Returns:
        PromQL.
    """
    return f"histogram_quantile({share}, sum by (le) ({rate(metric, where)}))"


def known(metric: metrics.MetricSpec) -> str:
    """Return a query that is empty, instead of NaN, while a share is unknown.

    Args:
        metric: A gauge that is 0 or more.

    Returns:
        PromQL.
    """
    return f"{metric.name} >= 0"
