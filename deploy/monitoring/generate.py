"""Generate the alert rules of Prometheus and the dashboards of Grafana from the registry of metrics.

Run `python deploy/monitoring/generate.py` after changing a metric, a rule or a dashboard.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml
from boards import BOARDS
from dashboards import dashboard_json

from carvalue.platform.observability.dashboards import DASHBOARDS
from carvalue.telemetry.alert_rules import rule_file

HERE = Path(__file__).parent
KUBERNETES = HERE.parent / "kubernetes" / "monitoring"
HEAD_OF_BOARDS = "# Written by deploy/monitoring/generate.py from deploy/monitoring/boards.\n"
HEAD = "# Written by deploy/monitoring/generate.py from src/carvalue/telemetry/alert_rules.py.\n"


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
    return {
        HERE / "rules.yml": rules,
        KUBERNETES / "rules.yaml": _prometheus_rule(),
        KUBERNETES / "dashboards.yaml": _config_maps({path.name: text for path, text in boards.items()}),
        **boards,
    }


def _prometheus_rule() -> str:
    """Return the rules as a resource of the Prometheus operator on Kubernetes."""
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "carvalue"},
    }
    return HEAD + yaml.safe_dump({**resource, "spec": rule_file()}, sort_keys=False, width=110)


def _config_maps(boards: Mapping[str, str]) -> str:
    """Return the dashboards as resources that the Grafana of kube-prometheus-stack finds by their label."""
    documents = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name.removesuffix(".json"), "labels": {"grafana_dashboard": "1"}},
            "data": {name: json.dumps(json.loads(text), separators=(",", ":"))},
        }
        for name, text in boards.items()
    ]
    return HEAD_OF_BOARDS + yaml.safe_dump_all(documents, sort_keys=False, width=110)


if __name__ == "__main__":
    main()
