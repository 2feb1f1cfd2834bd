"""What all dashboards share: variables and annotations."""

from dataclasses import dataclass

from boards.panel import Color
from carvalue.telemetry import metrics
from carvalue.telemetry.objectives import WINDOWS


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable that people choose at the top of a dashboard.

    Attributes:
        title: What people see.
        description: What the variable selects.
        query: PromQL of Grafana's `label_values`; empty where `values` are given.
        values: The values; the first one is the default.
    """

    title: str
    description: str
    query: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Events that are drawn over the panels.

    Attributes:
        name: The name of the switch at the top of the dashboard.
        query: PromQL; has a result while an event happens.
        title: Title of an event, with labels of the result.
        color: Colour of the marks.
    """

    name: str
    query: str
    title: str
    color: Color


VARIABLES = {
    "instance": Variable(
        title="Instance",
        description="Price services, by their addresses.",
        query=f"label_values({metrics.MODEL_VERSION.name}, instance)",
    ),
    "channel": Variable(
        title="Channel",
        description="The page, uploaded files, and programs by their API keys.",
        query=f"label_values({metrics.CHANNEL_STATE.name}, channel)",
    ),
    "window": Variable(
        title="Window",
        description="Time over which rates, quantiles and objectives are calculated.",
        values=WINDOWS,
    ),
}

_VERSIONS = f'count_values("version", {metrics.MODEL_VERSION.name} > 0)'
_EARLIER = f"{metrics.MODEL_VERSION.name} offset $__interval"

ANNOTATIONS = (
    Annotation(
        name="Versions",
        # a version that no instance had before; nothing after a gap in the metrics
        query=(
            f'({_VERSIONS} unless on (version) count_values("version", {_EARLIER} > 0))'
            f" and on () count({_EARLIER})"
        ),
        title="version {{version}}",
        color="blue",
    ),
    Annotation(
        name="Retrainings",
        query=f"changes({metrics.RETRAINING_STARTED.name}[$__interval]) > 0",
        title="retraining started",
        color="orange",
    ),
    Annotation(
        name="Alerts",
        query=f'max by (alertname) (ALERTS{{alertstate="firing"}}) or {metrics.ALERTS_FIRING.name} > 0',
        title="{{alertname}}{{kind}}",
        color="red",
    ),
)
