"""The dashboards of Grafana, with the currency of the market and links to the parts of the platform."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from carvalue.platform.spec import local_url
from carvalue.settings import PageSettings

DASHBOARDS = Path(str(files("carvalue.platform.observability") / "resources" / "dashboards"))
"""Folder of the dashboards within the installed package; their prices are in US dollars."""

US_DOLLARS = "currencyUSD"  # Grafana's name of the unit


def dashboard_files(settings: PageSettings) -> Mapping[str, Mapping[str, Any]]:
    """Return the dashboards.

    Args:
        settings: Port of the page, and the links to other parts (OPERATOR_LINKS).

    Returns:
        File name relative to Grafana's folder -> dashboard.

    Examples:
        >>> boards = dashboard_files(PageSettings(operator_links="Airflow=https://airflow.example.com"))
        >>> [link["title"] for link in boards["dashboards/carvalue-drift.json"]["links"]]
        ['Dashboards', 'Runbooks', 'Page', 'Airflow']
    """
    from carvalue.listings import CURRENCY  # noqa: PLC0415  # an invalid MARKET must not stop other commands

    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(DASHBOARDS.glob("*.json"))}
    currency, links = f"currency{CURRENCY.code}", _links(settings)
    boards = {name: json.loads(text.replace(US_DOLLARS, currency)) for name, text in texts.items()}
    return {
        f"dashboards/{name}": {**board, "links": [*board["links"], *links]} for name, board in boards.items()
    }


def _links(settings: PageSettings) -> list[Mapping[str, Any]]:
    urls = {"Page": f"{local_url(settings.page_port)}/monitoring", **settings.links}
    return [
        {
            "title": title,
            "type": "link",
            "url": url,
            "icon": "external link",
            "tooltip": "",
            "tags": [],
            "asDropdown": False,
            "targetBlank": True,
            "includeVars": False,
            "keepTime": False,
        }
        for title, url in urls.items()
        if title != "Grafana"
    ]
