"""An Airflow plugin that serves Airflow's health as `/metrics` of its API server, for Prometheus to scrape.

Airflow itself only pushes metrics, to a StatsD or OpenTelemetry server, which would be an additional process.
"""

from collections.abc import Mapping

from airflow.api.common.airflow_health import HEALTHY, get_airflow_health
from airflow.plugins_manager import AirflowPlugin
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carvalue.telemetry import AIRFLOW_PART_UP


def exposition(health: Mapping[str, Mapping[str, str | None]]) -> bytes:
    """Convert Airflow's health report to the Prometheus text format; parts that never ran are left out.

    Args:
        health: The response of `GET /api/v2/monitor/health`: part to its fields, `status` among them.

    Returns:
        The metrics in the text format.
    """
    registry = CollectorRegistry()
    up = Gauge(AIRFLOW_PART_UP.name, AIRFLOW_PART_UP.help, AIRFLOW_PART_UP.labels, registry=registry)
    for part, fields in health.items():
        if fields["status"] is not None:
            up.labels(part).set(fields["status"] == HEALTHY)
    return generate_latest(registry)


def _metrics(_: Request) -> Response:  # not async, because it queries the database
    return Response(exposition(get_airflow_health()), media_type=CONTENT_TYPE_LATEST)


class MetricsPlugin(AirflowPlugin):
    """Adds the route `/metrics` to Airflow's API server."""

    name = "carvalue_metrics"
    fastapi_apps = [  # noqa: RUF012  # Airflow requires a list
        {"app": Starlette(routes=[Route("/", _metrics)]), "url_prefix": "/metrics", "name": name}
    ]
