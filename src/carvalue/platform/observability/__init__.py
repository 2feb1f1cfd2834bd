"""Configure and run Prometheus, Alertmanager and Grafana on one machine."""

from carvalue.platform.observability.stack import (
    missing_tools,
    observability_services,
    own_alertmanager_url,
    write_tool_configuration,
)

__all__ = ["missing_tools", "observability_services", "own_alertmanager_url", "write_tool_configuration"]
