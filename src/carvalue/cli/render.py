"""Tables for the console: how every service is, and what runs where."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from carvalue.platform import EXAMPLE, BuildResult, ServiceStatus, local_url
from carvalue.platform.admin import Diagnosis
from carvalue.settings import LOCAL_PASSWORD, Settings

if TYPE_CHECKING:  # it brings MLflow along, which takes seconds
    from carvalue.registry.promotion import VersionSummary

COLORS = {"healthy": "green", "done": "green", "starting": "yellow", "unhealthy": "red", "down": "red"}


def status_table(found: tuple[ServiceStatus, ...]) -> Table:
    """Show one row a service; where one is not well, the last line of its log below its name."""
    table = Table("service", "state", "pid", "up for", "address", box=None, pad_edge=False)
    for item in found:
        table.add_row(
            item.service.name,
            Text(item.state, style=COLORS[item.state]),
            str(item.pid or "-"),
            _duration(item.uptime),
            item.service.address or "-",
        )
    return table


def findings_table(findings: tuple[Diagnosis, ...]) -> Table:
    """Show one row for what was looked at, with the remedy below where there is something to do."""
    table = Table("", "looked at", "found", box=None, pad_edge=False)
    for item in findings:
        mark = Text("ok", style="green") if item.is_well else Text("!!", style="bold red")
        remedy = Text(f"\n{item.remedy}", style="bold") if item.remedy else ""
        table.add_row(mark, item.subject, Text.assemble(item.found, remedy))
    return table


def versions_table(versions: "tuple[VersionSummary, ...]") -> Table:
    """Show one row a version."""
    columns = ("version", "state", "learned from", "test error", "in range", "gates", "decision")
    table = Table(*columns, box=None, pad_edge=False)
    for item in versions:
        error, held = ("-" if share is None else f"{share:.1%}" for share in (item.error, item.coverage))
        state = Text(item.state, style="bold green" if item.state == "production" else "")
        table.add_row(
            str(item.version), state, item.data_source, error, held, item.gates or "-", item.decision
        )
    return table


def build_summary(settings: Settings, built: BuildResult) -> str:
    """Tell what runs where, what the model in use is, and what a car costs."""
    card = built.model["card"]
    rows = {
        "page": local_url(settings.page_port),
        "price service": f"{local_url(settings.service_port)}/docs",
        "Airflow": f"{local_url(settings.airflow_port)}  ({_login(settings)})",
        "MLflow": settings.mlflow_tracking_uri,
        "data": card["source_description"],
        "model": f"{built.model['name']} version {built.model['version']}: {_accuracy(card['metrics'])}",
        "2015 Camry LE": f"${built.quote['price']:,}",
    }
    return "\n".join(f"{name:<15}{value}" for name, value in rows.items())


def example_request(settings: Settings) -> str:
    """Spell out the request that prices the example car."""
    url, header = f"{local_url(settings.service_port)}/predict", "content-type: application/json"
    key = ' -H "X-API-Key: $SERVICE_API_KEY"' if settings.service_headers else ""
    return f"curl {url} -H '{header}'{key} -d '{json.dumps(EXAMPLE)}'"


def log_excerpts(found: tuple[ServiceStatus, ...]) -> list[str]:
    """Tell the last line of the log of every service that is not well and said something."""
    return [f"{item.service.name}: {item.last_line}" for item in found if item.last_line]


def _login(settings: Settings) -> str:
    password = settings.airflow_password.get_secret_value()
    known = f"password {password}" if password == LOCAL_PASSWORD else "the password of AIRFLOW_PASSWORD"
    return f"user {settings.airflow_user}, {known}"


def _accuracy(metrics: Mapping[str, float]) -> str:
    error, near = metrics["mdape"], metrics["within_20"]
    return f"half of unseen cars within {error:.1%} of their price, {near:.0%} within 20%"


def _duration(value: timedelta | None) -> str:
    if value is None:
        return "-"
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
