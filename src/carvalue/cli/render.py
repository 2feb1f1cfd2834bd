"""Tables and texts for the console."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from carvalue.client import PricedCar, rate_deal, support_in_words
from carvalue.listings import CURRENCY, MARKET
from carvalue.listings.inspection import DataCheck
from carvalue.platform import EXAMPLE, BuildResult, ServiceStatus, local_url
from carvalue.platform.admin import Diagnosis
from carvalue.settings import LOCAL_PASSWORD, Settings

if TYPE_CHECKING:
    from carvalue.registry import DecisionRecord, VersionSummary

COLORS = {"healthy": "green", "done": "green", "starting": "yellow", "unhealthy": "red", "down": "red"}


def status_table(services: tuple[ServiceStatus, ...]) -> Table:
    """Build a table with one row per service.

    Args:
        services: States of the services.

    Returns:
        The table.
    """
    table = Table("service", "state", "pid", "uptime", "address", box=None, pad_edge=False)
    for item in services:
        table.add_row(
            item.service.name,
            Text(item.state, style=COLORS[item.state]),
            str(item.pid or "-"),
            _duration(item.uptime),
            item.service.address or "-",
        )
    return table


def diagnoses_table(diagnoses: tuple[Diagnosis, ...]) -> Table:
    """Build a table with one row per check and the remedies of problems.

    Args:
        diagnoses: Results of the checks.

    Returns:
        The table.
    """
    table = Table("", "check", "result", box=None, pad_edge=False)
    for item in diagnoses:
        mark = Text("ok", style="green") if item.is_ok else Text("!!", style="bold red")
        remedy = Text(f"\n{item.remedy}", style="bold") if item.remedy else ""
        table.add_row(mark, item.subject, Text.assemble(item.finding, remedy))
    return table


def versions_table(versions: "tuple[VersionSummary, ...]") -> Table:
    """Build a table with one row per model version.

    Args:
        versions: The versions.

    Returns:
        The table.
    """
    columns = ("version", "state", "data", "test error", "in range", "gates", "decision")
    table = Table(*columns, box=None, pad_edge=False)
    for item in versions:
        error, coverage = ("-" if share is None else f"{share:.1%}" for share in (item.error, item.coverage))
        state = Text(item.state, style="bold green" if item.state == "production" else "")
        table.add_row(
            str(item.version), state, item.data_source, error, coverage, item.gates or "-", item.decision
        )
    return table


def decisions_table(decisions: "tuple[DecisionRecord, ...]") -> Table:
    """Build a table with one row per decision on a model version.

    Args:
        decisions: The decisions, oldest first.

    Returns:
        The table, newest first.
    """
    table = Table("when (UTC)", "version", "decision", "before", "by", "why", box=None, pad_edge=False)
    for item in reversed(decisions):
        table.add_row(
            f"{item.at:%Y-%m-%d %H:%M}",
            str(item.version),
            Text(item.act, style="" if item.is_switch else "yellow"),
            str(item.earlier or "-"),
            item.by,
            "; ".join(item.reasons),
        )
    return table


def build_summary(settings: Settings, built: BuildResult) -> str:
    """Describe a build: addresses, data, model and the price of the example car.

    Args:
        settings: Settings of the platform.
        built: Result of the build.

    Returns:
        Several lines of text.
    """
    card = built.model["card"]
    rows = {
        "page": local_url(settings.page_port),
        "price service": f"{local_url(settings.service_port)}/docs",
        "Airflow": f"{local_url(settings.airflow_port)}  ({_login(settings)})",
        "MLflow": settings.mlflow_tracking_uri,
        **({"dashboards": built.dashboards} if built.dashboards else {}),
        "data": card["source_description"],
        "model": f"{built.model['name']} version {built.model['version']}: {_accuracy(card['metrics'])}",
        f"{EXAMPLE['year']} {EXAMPLE['model']}": CURRENCY.format(built.quote["price"]),
    }
    return "\n".join(f"{name:<15}{value}" for name, value in rows.items())


def example_request(settings: Settings) -> str:
    """Return the curl command that requests a quote for the example car.

    Args:
        settings: Settings of the platform.

    Returns:
        One line.
    """
    url, header = f"{local_url(settings.service_port)}/predict", "content-type: application/json"
    key = ' -H "X-API-Key: $SERVICE_API_KEY"' if settings.service_headers else ""
    return f"curl {url} -H '{header}'{key} -d '{json.dumps(dict(EXAMPLE))}'"


def log_excerpts(services: tuple[ServiceStatus, ...]) -> list[str]:
    """Return the last log line of each service that is not healthy.

    Args:
        services: States of the services.

    Returns:
        One line per service whose log is not empty, after the service's name.
    """
    return [f"{item.service.name}: {item.last_line}" for item in services if item.last_line]


def _login(settings: Settings) -> str:
    password = settings.airflow_password.get_secret_value()
    hint = f"password {password}" if password == LOCAL_PASSWORD else "password: see AIRFLOW_PASSWORD"
    return f"user {settings.airflow_user}, {hint}"


def _accuracy(metrics: Mapping[str, float]) -> str:
    error, within_20 = metrics["mdape"], metrics["within_20"]
    return f"half of unseen cars within {error:.1%} of their price, {within_20:.0%} within 20%"


def _duration(value: timedelta | None) -> str:
    if value is None:
        return "-"
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def priced_car_lines(priced: PricedCar) -> list[str]:
    """Format the price of a car for a terminal.

    Args:
        priced: The car and its quote.

    Returns:
        Lines of text.
    """
    quote = priced.explained.quote
    price, low, high = map(CURRENCY.format, (quote.price, quote.low, quote.high))
    understood = ", ".join(f"{name} {value}" for name, value in priced.listing.items())
    lines = [
        f"{price} (range {low} to {high}), prices as of {quote.data_as_of}",
        f"{support_in_words(priced.explained)}",
        f"understood as: {understood}",
        *(f"warning: {warning}" for warning in quote.warnings),
        f"quote {quote.quote_id}",
    ]
    if priced.asking is not None:
        rating = rate_deal(priced.asking, price=quote.price, low=quote.low, high=quote.high)
        asking = CURRENCY.format(priced.asking)
        lines.insert(1, f"asking price {asking}: {rating.label.lower()}. {rating.meaning}")
    return lines


def data_check_lines(found: DataCheck, gates: Sequence[str]) -> list[str]:
    """Format the check of a file of listings for a terminal.

    Args:
        found: What was found.
        gates: What the gates require of the listings and miss.

    Returns:
        Lines of text.
    """
    rejected = [
        f"  {item.rows:,} {item.reason}: {', '.join(map(repr, item.examples))}".rstrip(": ")
        for item in found.rejected
    ]
    return [
        f"market: {MARKET.title} ({MARKET.name})",
        *([f"files: {found.files[0]} to {found.files[-1]} ({len(found.files)})"] if found.files else []),
        *_section("columns found:", [f"{name} = {column!r}" for name, column in found.columns.items()]),
        *_section("columns missing, without which nothing can be trained:", found.missing),
        *_section("fields without a column:", [", ".join(found.absent)] if found.absent else []),
        f"rows: {found.kept:,} of {found.read:,} kept",
        *rejected,
        *_section("suspicious:", found.suspicious),
        *_section("gates:", gates),
        *(["draft of a column mapping and of further fields:", "", found.draft] if found.draft else []),
    ]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []
