"""Generate the alert rules of Prometheus and the dashboards of Grafana from the registry of metrics.

Run `python deploy/monitoring/generate.py` after changing a metric, a rule or a dashboard.
"""

from pathlib import Path
from string import ascii_uppercase

import yaml
from boards import BOARDS, Board, Panel
from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from carvalue.telemetry.alert_rules import rule_file
from carvalue.telemetry.metrics import STATE_NUMBERS

HERE = Path(__file__).parent
KUBERNETES = HERE.parent / "kubernetes" / "monitoring"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
HEIGHT = 8  # rows of Grafana's grid
DASHBOARDS = HERE.parents[1] / "src" / "carvalue" / "platform" / "observability" / "resources" / "dashboards"
HEAD = "# Written by deploy/monitoring/generate.py from src/carvalue/telemetry/alert_rules.py.\n"
STEPS = {
    "drift": [
        Threshold(value=None, color="gray"),
        Threshold(value=0, color="green"),
        Threshold(value=1, color="orange"),
        Threshold(value=2, color="red"),
    ],
    "up": [Threshold(value=None, color="red"), Threshold(value=1, color="green")],
}
STATE_TEXTS = ValueMap(
    options={str(number): ValueMappingResult(text=state) for state, number in STATE_NUMBERS.items()}
)
Builder = timeseries.Panel | stat.Panel | statetimeline.Panel | heatmap.Panel


def main() -> None:
    """Write all generated files."""
    for path, content in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def files() -> dict[Path, str]:
    """Generate the content of all files.

    Returns:
        Path -> content.
    """
    boards = {DASHBOARDS / f"{board.uid}.json": dashboard_json(board) for board in BOARDS}
    rules = HEAD + yaml.safe_dump(rule_file(), sort_keys=False, width=110)
    return {HERE / "rules.yml": rules, KUBERNETES / "rules.yaml": _prometheus_rule(), **boards}


def _prometheus_rule() -> str:
    """Return the rules as a resource of the Prometheus operator on Kubernetes."""
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "carvalue"},
    }
    return HEAD + yaml.safe_dump({**resource, "spec": rule_file()}, sort_keys=False, width=110)


def dashboard_json(board: Board) -> str:
    """Convert a dashboard to Grafana's JSON.

    Args:
        board: The dashboard.

    Returns:
        JSON text.
    """
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["carvalue"])
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for panel in board.panels:
        builder.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=1).encode(builder.build()) + "\n"


def _panel(panel: Panel) -> Builder:
    builder = _shape(panel).title(panel.title).description(panel.description).datasource(SOURCE)
    builder = builder.unit(panel.unit).span(panel.width).height(HEIGHT)
    for letter, (query, legend) in zip(ascii_uppercase, panel.queries.items(), strict=False):
        target = prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend).datasource(SOURCE)
        builder.with_target(target.format(PromQueryFormat.HEATMAP) if panel.shape == "heat" else target)
    return builder


def _shape(panel: Panel) -> Builder:
    if panel.shape == "states":
        drift = any("drift" in query for query in panel.queries)
        steps = STEPS["drift" if drift else "up"]
        absolute = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        states = statetimeline.Panel().thresholds(absolute)
        return states.mappings([STATE_TEXTS]) if drift else states
    if panel.shape == "stat":
        return stat.Panel()
    if panel.shape == "heat":
        return heatmap.Panel()
    return timeseries.Panel().fill_opacity(8)


if __name__ == "__main__":
    main()
