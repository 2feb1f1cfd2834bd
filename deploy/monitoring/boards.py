"""The three dashboards: which panel shows which metric, in the names of the one registry."""

from dataclasses import dataclass
from typing import Literal

from carvalue.telemetry import metrics

Shape = Literal["lines", "stat", "states", "heat"]
ERRORS = '{status=~"5.."}'
PREDICT = '{route="/predict"}'


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        shape: lines over time, one number, states over time, or a heat map of a histogram.
        queries: PromQL -> legend.
        says: what to make of it.
        unit: Grafana's name of the unit.
        width: of the 24 columns.
    """

    title: str
    shape: Shape
    queries: dict[str, str]
    says: str
    unit: str = "short"
    width: int = 12


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard."""

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
            says="Grey: fewer than 200 quotes yet. Red: confirmed; the alert says what, and how far.",
            width=24,
        ),
        Panel(
            title="Features by state",
            shape="states",
            queries={metrics.FEATURE_STATE.name: "{{feature}}"},
            says="Which inputs and answers have left the training data, and when.",
            width=24,
        ),
        Panel(
            title="Drifted features",
            shape="stat",
            queries={metrics.DRIFTED_FEATURES.name: "features"},
            says="How many features have confirmed drift.",
            width=6,
        ),
        Panel(
            title="Share of features drifted",
            shape="stat",
            queries={metrics.DRIFTED_SHARE.name: "share"},
            says="The same as a share of all that are watched.",
            unit="percentunit",
            width=6,
        ),
        Panel(
            title="Quotes judged",
            shape="stat",
            queries={metrics.WATCHED_QUOTES.name: "quotes"},
            says="Since the watcher started.",
            width=6,
        ),
        Panel(
            title="Watcher lag",
            shape="stat",
            queries={metrics.WATCHER_LAG.name: "lag"},
            says="0 when everything in the journal has been judged.",
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
            says="Above the threshold, drift is confirmed; it ends well below.",
            width=24,
        ),
        Panel(
            title="Alerts that last",
            shape="lines",
            queries={metrics.ALERTS_FIRING.name: "{{kind}}"},
            says="What a person must look at now.",
        ),
        Panel(
            title="Telling alerts",
            shape="lines",
            queries={metrics.ALERTS_WAITING.name: "{{sink}} waiting"},
            says="News that a receiver has not taken yet; it is tried again.",
        ),
    ),
)

PRICES = Board(
    uid="carvalue-prices",
    title="carvalue: prices",
    panels=(
        Panel(
            title="Quotes a second, by version",
            shape="lines",
            queries={f"sum by (version) ({_rate(metrics.QUOTES)})": "version {{version}}"},
            says="A new version in production takes over within 10 seconds.",
            unit="reqps",
        ),
        Panel(
            title="Quotes with a warning",
            shape="lines",
            queries={
                f"sum({_rate(metrics.WARNED_QUOTES)}) / sum({_rate(metrics.QUOTES)})": "share",
            },
            says="Unknown or missing make, model, year, mileage or region.",
            unit="percentunit",
        ),
        Panel(
            title="Warnings a second, by kind",
            shape="lines",
            queries={f"sum by (kind) ({_rate(metrics.QUOTE_WARNINGS)})": "{{kind}}"},
            says="What the model had to guess.",
            unit="reqps",
        ),
        Panel(
            title="Words that the model does not know, by field",
            shape="lines",
            queries={f"sum by (field) ({_rate(metrics.UNKNOWN_CATEGORIES)})": "{{field}}"},
            says="Many of one field: a client spells it in its own way, or the cars are new to the model.",
            unit="reqps",
        ),
        Panel(
            title="Distribution of prices",
            shape="heat",
            queries={f"sum by (le) ({_rate(metrics.QUOTED_PRICE)})": "{{le}}"},
            says="Dollars.",
            unit="currencyUSD",
        ),
        Panel(
            title="Distribution of range widths",
            shape="heat",
            queries={f"sum by (le) ({_rate(metrics.RANGE_WIDTH)})": "{{le}}"},
            says="As a share of the price: wider means less sure.",
            unit="percentunit",
        ),
        Panel(
            title="Median price",
            shape="lines",
            queries={
                _quantile(0.5, metrics.QUOTED_PRICE): "median",
            },
            says="Of recent quotes.",
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
            says="The challenger's price over the quoted one, less 1; `carvalue shadow N`.",
            unit="percentunit",
            width=18,
        ),
        Panel(
            title="Challenger",
            shape="stat",
            queries={metrics.SHADOW_VERSION.name: "version"},
            says="0: none quotes beside production.",
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
            says="Needs 30 reported sales; the estimate needs none.",
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
            says="A range should hold nine prices in ten.",
            unit="percentunit",
        ),
        Panel(
            title="Sales reported",
            shape="stat",
            queries={metrics.REPORTED_SALES.name: "sales"},
            says="For the version in production, at most the newest 500.",
        ),
    ),
)

SERVICE = Board(
    uid="carvalue-service",
    title="carvalue: service",
    panels=(
        Panel(
            title="Requests a second",
            shape="lines",
            queries={f"sum by (route, status) ({_rate(metrics.REQUESTS)})": "{{route}} {{status}}"},
            says="By route and status.",
            unit="reqps",
        ),
        Panel(
            title="Share of errors of the service",
            shape="lines",
            queries={
                f"(sum({_rate(metrics.REQUESTS, where=ERRORS)}) or vector(0))"
                f" / sum({_rate(metrics.REQUESTS)})": "share"
            },
            says="Answers of 500 and above.",
            unit="percentunit",
        ),
        Panel(
            title="Time of a quote",
            shape="lines",
            queries={
                _quantile(share, metrics.REQUEST_SECONDS, where=PREDICT): f"p{share * 100:g}"
                for share in (0.5, 0.9, 0.99)
            },
            says="From the request's head to the end of its answer.",
            unit="s",
        ),
        Panel(
            title="Turned away a second",
            shape="lines",
            queries={f"sum by (reason) ({_rate(metrics.REJECTED)})": "{{reason}}"},
            says="Without a good key, beyond a client's rate; connections too slow, too many, or no HTTP.",
            unit="reqps",
        ),
        Panel(
            title="Journal lag",
            shape="lines",
            queries={metrics.JOURNAL_LAG.name: "{{instance}}"},
            says="How long the oldest quote that the journal lacks has been waiting on local disk.",
            unit="s",
        ),
        Panel(
            title="Spool",
            shape="lines",
            queries={
                metrics.SPOOL_BYTES.name: "{{instance}}",
                metrics.SPOOL_LIMIT.name: "limit of {{instance}}",
            },
            says="Bytes of quotes that wait on local disk. At the limit, quotes are dropped.",
            unit="bytes",
        ),
        Panel(
            title="Quotes stored a second",
            shape="lines",
            queries={f"sum({_rate(metrics.JOURNAL_WRITES)})": "stored"},
            says="Should be the quotes a second.",
            unit="reqps",
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
            says="1 while it answers.",
            width=24,
        ),
        Panel(
            title="Airflow's parts",
            shape="states",
            queries={metrics.AIRFLOW_PART_UP.name: "{{part}}"},
            says="1 while it shows signs of life.",
            width=24,
        ),
        Panel(
            title="Pipelines: did the last run end well?",
            shape="states",
            queries={metrics.PIPELINE_SUCCESS.name: "{{dag}}", metrics.AIRFLOW_UP.name: "Airflow answers"},
            says="1 when it did; the runs are in Airflow.",
            width=24,
        ),
        Panel(
            title="Version in use",
            shape="stat",
            queries={metrics.MODEL_VERSION.name: "{{instance}}"},
            says="0 while there is none.",
            width=8,
        ),
        Panel(
            title="Age of the model and of its data",
            shape="stat",
            queries={
                f"time() - {metrics.MODEL_TRAINED_TIMESTAMP.name}": "version",
                f"time() - {metrics.MODEL_DATA_TIMESTAMP.name}": "its newest listing",
            },
            says="Since its training, and since the newest listing that it has seen.",
            unit="s",
            width=8,
        ),
        Panel(
            title="Versions taken into use",
            shape="stat",
            queries={f"sum({metrics.MODEL_SWAPS.name})": "swaps"},
            says="Since the services started.",
            width=8,
        ),
    ),
)

BOARDS = (DRIFT, PRICES, SERVICE)
