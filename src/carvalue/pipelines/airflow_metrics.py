"""Airflow's health as `/metrics` of its own API server, for Prometheus to ask like every other part.

Airflow itself only pushes its metrics, to a StatsD or OpenTelemetry server that would be one process more.
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
    """Write what `GET /api/v2/monitor/health` says in Prometheus' words, without parts that never ran."""
    registry = CollectorRegistry()
    up = Gauge(AIRFLOW_PART_UP.name, AIRFLOW_PART_UP.help, AIRFLOW_PART_UP.labels, registry=registry)
    for part, found in health.items():
        if found["status"] is not None:
            up.labels(part).set(found["status"] == HEALTHY)
    return generate_latest(registry)


def _metrics(_: Request) -> Response:  # not async: asking the database must not hold up the server
    return Response(exposition(get_airflow_health()), media_type=CONTENT_TYPE_LATEST)


class MetricsPlugin(AirflowPlugin):
    """Puts `/metrics` beside Airflow's pages."""

    name = "carvalue_metrics"
    fastapi_apps = [  # noqa: RUF012  # as Airflow reads it
        {"app": Starlette(routes=[Route("/", _metrics)]), "url_prefix": "/metrics", "name": name}
    ]
