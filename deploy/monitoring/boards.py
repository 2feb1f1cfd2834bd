"""The three Grafana dashboards as data: panels and PromQL queries with metric names from the registry."""

from dataclasses import dataclass
from typing import Literal

from carvalue.telemetry import metrics

Shape = Literal["lines", "stat", "states", "heat"]
ERRORS = '{status=~"5.."}'
PREDICT = '{route="/predict"}'


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of a dashboard.

    Attributes:
        title: Title of the panel.
        shape: `lines` over time, `stat` (a number), `states` over time, or `heat` (heat map of a histogram).
        queries: PromQL query -> legend.
        description: Explanation shown beside the title.
        unit: Grafana's name of the unit.
        width: Number of Grafana's 24 columns.
    """

    title: str
    shape: Shape
    queries: dict[str, str]
    description: str
    unit: str = "short"
    width: int = 12


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard.

    Attributes:
        uid: Grafana's id of the dashboard, and the stem of its file.
        title: Title of the dashboard.
        panels: Panels in reading order.
    """

    uid: str
    title: str
    panels: tuple[Panel, ...]


def _rate(metric: metrics.MetricSpec, *, where: str = "") -> str:
    series = metric.name + ("_bucket" if metric.kind == "histogram" else "")
    return f"rate({series}{where}[$__rate_interval])"


def _quantile(share: float, metric: metrics.MetricSpec, *, where: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le) ({_rate(metric, where=where)}))"


DRIFT = Board(
    uid="carvalue-drift",
    title="carvalue: drift",
    panels=(
        Panel(
            title="Dataset drift",
            shape="states",
            queries={metrics.DRIFT_STATE.name: "all quotes"},
            description="Grey: fewer than 500 quotes. Red: confirmed drift; see the alert.",
            width=24,
        ),
        Panel(
            title="Features by state",
            shape="states",
            queries={metrics.FEATURE_STATE.name: "{{feature}}"},
            description="Inputs and answers whose distribution differs from the training data, over time.",
            width=24,
        ),
        Panel(
            title="Drifted features",
            shape="stat",
            queries={metrics.DRIFTED_FEATURES.name: "features"},
            description="Number of features with confirmed drift.",
            width=6,
        ),
        Panel(
            title="Share of features drifted",
            shape="stat",
            queries={metrics.DRIFTED_SHARE.name: "share"},
            description="Share of all monitored features with confirmed drift.",
            unit="percentunit",
            width=6,
        ),
        Panel(
            title="Quotes checked",
            shape="stat",
            queries={metrics.WATCHED_QUOTES.name: "quotes"},
            description="Since the start of the watcher.",
            width=6,
        ),
        Panel(
            title="Watcher lag",
            shape="stat",
            queries={metrics.WATCHER_LAG.name: "lag"},
            description="Age of the newest checked quote while others wait; 0 when none waits.",
            unit="s",
            width=6,
        ),
        Panel(
            title="Score of each feature against its threshold",
            shape="lines",
            queries={
                metrics.FEATURE_SCORE.name: "{{feature}}",
                f"max({metrics.FEATURE_THRESHOLD.name})": "threshold",
            },
            description="Drift is confirmed above the threshold and ends well below it.",
            width=24,
        ),
        Panel(
            title="Firing alerts",
            shape="lines",
            queries={metrics.ALERTS_FIRING.name: "{{kind}}"},
            description="Alerts that need attention now.",
        ),
        Panel(
            title="Notifications waiting",
            shape="lines",
            queries={metrics.ALERTS_WAITING.name: "{{sink}} waiting"},
            description="Notifications that a receiver has not accepted yet; they are retried.",
        ),
    ),
)

PRICES = Board(
    uid="carvalue-prices",
    title="carvalue: prices",
    panels=(
        Panel(
            title="Quotes per second by version",
            shape="lines",
            queries={f"sum by (version) ({_rate(metrics.QUOTES)})": "version {{version}}"},
            description="The service loads a promoted version within 10 seconds.",
            unit="reqps",
        ),
        Panel(
            title="Quotes with a warning",
            shape="lines",
            queries={
                f"sum({_rate(metrics.WARNED_QUOTES)}) / sum({_rate(metrics.QUOTES)})": "share",
            },
            description="Unknown or missing make, model, year, mileage or region.",
            unit="percentunit",
        ),
        Panel(
            title="Warnings per second by kind",
            shape="lines",
            queries={f"sum by (kind) ({_rate(metrics.QUOTE_WARNINGS)})": "{{kind}}"},
            description="Reasons why a quote is less certain.",
            unit="reqps",
        ),
        Panel(
            title="Unknown categories by field",
            shape="lines",
            queries={f"sum by (field) ({_rate(metrics.UNKNOWN_CATEGORIES)})": "{{field}}"},
            description="Many in one field: a client spells values differently, or the cars are new.",
            unit="reqps",
        ),
        Panel(
            title="Distribution of prices",
            shape="heat",
            queries={f"sum by (le) ({_rate(metrics.QUOTED_PRICE)})": "{{le}}"},
            description="In the currency of the market.",
            unit="currencyUSD",
        ),
        Panel(
            title="Distribution of range widths",
            shape="heat",
            queries={f"sum by (le) ({_rate(metrics.RANGE_WIDTH)})": "{{le}}"},
            description="Width as a share of the price; wider ranges are less certain.",
            unit="percentunit",
        ),
        Panel(
            title="Median price",
            shape="lines",
            queries={
                _quantile(0.5, metrics.QUOTED_PRICE): "median",
            },
            description="Median price of recent quotes.",
            unit="currencyUSD",
        ),
        Panel(
            title="Challenger against production",
            shape="lines",
            queries={
                _quantile(0.1, metrics.SHADOW_DIFFERENCE): "one in ten below",
                _quantile(0.5, metrics.SHADOW_DIFFERENCE): "median",
                _quantile(0.9, metrics.SHADOW_DIFFERENCE): "one in ten above",
            },
            description="Price of the challenger over the quoted price, minus 1; `carvalue shadow N`.",
            unit="percentunit",
            width=18,
        ),
        Panel(
            title="Challenger",
            shape="stat",
            queries={metrics.SHADOW_VERSION.name: "version"},
            description="Version in shadow mode; 0: none.",
            width=6,
        ),
        Panel(
            title="Error against sale prices",
            shape="lines",
            queries={
                metrics.LIVE_ERROR.name: "median error",
                metrics.LIVE_ERROR_LOW.name: "lower bound",
                metrics.LIVE_ERROR_HIGH.name: "upper bound",
                metrics.ESTIMATED_ERROR.name: "estimate from ranges",
            },
            description="Needs 30 reported sales; the estimate needs none.",
            unit="percentunit",
        ),
        Panel(
            title="Sale prices within the range",
            shape="lines",
            queries={
                metrics.LIVE_COVERAGE.name: "coverage",
                metrics.LIVE_COVERAGE_LOW.name: "lower bound",
                metrics.LIVE_COVERAGE_HIGH.name: "upper bound",
            },
            description="Target: 90 % of the prices are within the range.",
            unit="percentunit",
        ),
        Panel(
            title="Sales reported",
            shape="stat",
            queries={metrics.REPORTED_SALES.name: "sales"},
            description="For the version in production, at most the newest 500.",
        ),
    ),
)

SERVICE = Board(
    uid="carvalue-service",
    title="carvalue: service",
    panels=(
        Panel(
            title="Requests per second",
            shape="lines",
            queries={f"sum by (route, status) ({_rate(metrics.REQUESTS)})": "{{route}} {{status}}"},
            description="By route and status.",
            unit="reqps",
        ),
        Panel(
            title="Share of errors of the service",
            shape="lines",
            queries={
                f"(sum({_rate(metrics.REQUESTS, where=ERRORS)}) or vector(0))"
                f" / sum({_rate(metrics.REQUESTS)})": "share"
            },
            description="Share of answers with status 500 or above.",
            unit="percentunit",
        ),
        Panel(
            title="Duration of a quote",
            shape="lines",
            queries={
                _quantile(share, metrics.REQUEST_SECONDS, where=PREDICT): f"p{share * 100:g}"
                for share in (0.5, 0.9, 0.99)
            },
            description="From the headers of the request to the end of the answer.",
            unit="s",
        ),
        Panel(
            title="Rejected requests per second",
            shape="lines",
            queries={f"sum by (reason) ({_rate(metrics.REJECTED)})": "{{reason}}"},
            description="Invalid key, rate limit, slow or excess connections, invalid HTTP.",
            unit="reqps",
        ),
        Panel(
            title="Journal lag",
            shape="lines",
            queries={metrics.JOURNAL_LAG.name: "{{instance}}"},
            description="Waiting time of the oldest quote in the outbox.",
            unit="s",
        ),
        Panel(
            title="Outbox",
            shape="lines",
            queries={
                metrics.SPOOL_BYTES.name: "{{instance}}",
                metrics.SPOOL_LIMIT.name: "limit of {{instance}}",
            },
            description="Bytes of quotes that wait on local disk. At the limit, quotes are dropped.",
            unit="bytes",
        ),
        Panel(
            title="Quotes stored per second",
            shape="lines",
            queries={f"sum({_rate(metrics.JOURNAL_WRITES)})": "stored"},
            description="Should equal the quotes per second.",
            unit="reqps",
        ),
        Panel(
            title="Records in the quarantine",
            shape="lines",
            queries={metrics.QUARANTINED_RECORDS.name: "{{instance}}"},
            description="Quotes that could not be stored in the journal; see `carvalue quarantine list`.",
            unit="short",
        ),
        Panel(
            title="Up",
            shape="states",
            queries={
                "up": "{{job}}",
                metrics.JOURNAL_UP.name: "journal",
                metrics.SPOOL_UP.name: "local disk for quotes",
                metrics.REGISTRY_UP.name: "registry",
                metrics.WATCHER_UP.name: "watcher's last round",
            },
            description="1 while the service answers.",
            width=24,
        ),
        Panel(
            title="Components of Airflow",
            shape="states",
            queries={metrics.AIRFLOW_PART_UP.name: "{{part}}"},
            description="1 while the component sends heartbeats.",
            width=24,
        ),
        Panel(
            title="Last run of each pipeline",
            shape="states",
            queries={metrics.PIPELINE_SUCCESS.name: "{{dag}}", metrics.AIRFLOW_UP.name: "Airflow answers"},
            description="1: succeeded; see the runs in Airflow.",
            width=24,
        ),
        Panel(
            title="Version in use",
            shape="stat",
            queries={metrics.MODEL_VERSION.name: "{{instance}}"},
            description="Number of the version; 0: none.",
            width=8,
        ),
        Panel(
            title="Age of the model and of its data",
            shape="stat",
            queries={
                f"time() - {metrics.MODEL_TRAINED_TIMESTAMP.name}": "version",
                f"time() - {metrics.MODEL_DATA_TIMESTAMP.name}": "its newest listing",
            },
            description="Time since the training and since the newest listing of the training data.",
            unit="s",
            width=8,
        ),
        Panel(
            title="Versions loaded",
            shape="stat",
            queries={f"sum({metrics.MODEL_SWAPS.name})": "swaps"},
            description="Since the start of the services.",
            width=8,
        ),
    ),
)

BOARDS = (DRIFT, PRICES, SERVICE)
