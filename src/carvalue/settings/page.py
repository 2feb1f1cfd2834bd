"""What the page reads."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from carvalue.settings.service import ClientSettings
from carvalue.settings.values import loopback_url
from carvalue.urls import without_credentials


def _links(value: str) -> str:
    for link in value.split(","):
        name, _, url = link.partition("=")
        if not name.strip() or urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("expected NAME=URL, with commas between them")
    return value


def _local_links(chosen: Mapping[str, object]) -> str:
    urls = {
        "Airflow": chosen.get("airflow_url"),
        "MLflow": chosen.get("mlflow_tracking_uri"),
        "Prometheus": loopback_url(chosen, "prometheus_port"),
        "Grafana": loopback_url(chosen, "grafana_port"),
        "API": f"{chosen.get('service_url')}/docs",
    }
    # MLflow may be a database, which a browser cannot open; every visitor sees the links
    links = {name: without_credentials(str(url)).replace("//***@", "//") for name, url in urls.items()}
    return ",".join(f"{name}={url}" for name, url in links.items() if url.startswith("http"))


class PageSettings(ClientSettings):
    """Everything that the page reads."""

    price_index: str = ""
    """The path of a CSV file with a monthly index of used-car prices (columns month, as YYYY-MM, and index),
    with which the page also shows prices of the index's newest month. Empty: no adjustment."""
    price_index_name: str = ""
    """What the index in PRICE_INDEX is and who publishes it, as the page names it. Empty: the file's name."""
    operator_key: SecretStr = SecretStr("")
    """The key that opens the page's monitoring where BIND_HOST is not loopback. Empty: monitoring is then not
    on the page."""
    operator_links: Annotated[str, AfterValidator(_links)] = Field(default_factory=_local_links)
    """The links for operators on the page's monitoring, as NAME=URL separated by commas. Empty: the
    platform's own parts."""

    @property
    def links(self) -> Mapping[str, str]:
        """The links of OPERATOR_LINKS: URL by name."""
        pairs = (link.partition("=") for link in self.operator_links.split(","))
        return {name.strip(): url.strip() for name, _, url in pairs}
