"""Configure and run Prometheus, Alertmanager and Grafana on one machine."""

from carvalue.platform.observability.stack import (
    download_missing_tools,
    missing_tools,
    observability_services,
    own_alertmanager_url,
    own_grafana_url,
    write_tool_configuration,
)

__all__ = [
    "download_missing_tools",
    "missing_tools",
    "observability_services",
    "own_alertmanager_url",
    "own_grafana_url",
    "write_tool_configuration",
]
