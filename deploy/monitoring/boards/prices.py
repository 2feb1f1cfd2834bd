"""The dashboard of prices: what was quoted, with which warnings, and how wrong it was."""

from boards.panel import INSTANCE, NEUTRAL, SUMMARY_HEIGHT, Board, Panel, Row, known, quantile, rate
from carvalue.telemetry import metrics

CURRENCY = "currencyUSD"  # replaced by the market's
TARGET, TOO_LOW = 0.9, 0.85  # coverage of the ranges: promised, and alerted
SALES = 30  # from which on live accuracy is measured
NO_SALES = f"fewer than {SALES} sales"
WARNED = f"sum({rate(metrics.WARNED_QUOTES, INSTANCE)}) / sum({rate(metrics.QUOTES, INSTANCE)})"

SUMMARY = Row(
    title="Summary",
    height=SUMMARY_HEIGHT,
    panels=(
        Panel(
            title="Quotes",
            shape="stat",
            queries={f"sum({rate(metrics.QUOTES, INSTANCE)})": "quotes"},
            description="Quotes per second.",
            unit="reqps",
            width=4,
            low=0,
            steps=NEUTRAL,
        ),
        Panel(
            title="Median price",
            shape="stat",
            queries={quantile(0.5, metrics.QUOTED_PRICE): "median"},
            description="Of the quotes that the watcher has checked.",
            unit=CURRENCY,
            width=4,
            steps=NEUTRAL,
            decimals=0,
        ),
        Panel(
            title="With a warning",
            shape="stat",
            queries={WARNED: "share"},
            description="Share of quotes with a warning.",
            unit="percentunit",
            width=4,
            low=0,
            high=1,
            steps=((None, "green"), (0.5, "orange"), (0.8, "red")),
            decimals=0,
        ),
        Panel(
            title="Median error",
            shape="stat",
            queries={known(metrics.LIVE_ERROR): "median error"},
            description="Against reported sale prices.",
            unit="percentunit",
            width=4,
            low=0,
            steps=((None, "green"), (0.2, "orange"), (0.3, "red")),
            runbook="CarvalueLiveErrorHigh",
            empty=NO_SALES,
            decimals=1,
        ),
        Panel(
            title="Coverage",
            shape="stat",
            queries={known(metrics.LIVE_COVERAGE): "coverage"},
            description="Share of reported sale prices within the quoted range; 90 % is promised.",
            unit="percentunit",
            width=4,
            low=0,
            high=1,
            steps=((None, "red"), (TOO_LOW, "orange"), (TARGET - 0.02, "green")),
            runbook="CarvalueCoverageLow",
            empty=NO_SALES,
            decimals=1,
        ),
        Panel(
            title="Sales reported",
            shape="stat",
            queries={metrics.REPORTED_SALES.name: "sales"},
            description="For the version in production, at most the newest 500.",
            width=4,
            steps=((None, "gray"), (SALES, "green")),
            decimals=0,
        ),
    ),
)

QUOTES = Row(
    title="Quotes",
    panels=(
        Panel(
            title="Quotes per second by version",
            shape="lines",
            queries={f"sum by (version) ({rate(metrics.QUOTES, INSTANCE)})": "version {{version}}"},
            description="The service loads a promoted version within 10 seconds.",
            unit="reqps",
            low=0,
            runbook="CarvalueModelStale",
        ),
        Panel(
            title="Median price over time",
            shape="lines",
            queries={
                quantile(0.25, metrics.QUOTED_PRICE): "lower quartile",
                quantile(0.5, metrics.QUOTED_PRICE): "median",
                quantile(0.75, metrics.QUOTED_PRICE): "upper quartile",
            },
            description="Prices of recent quotes.",
            unit=CURRENCY,
            low=0,
        ),
        Panel(
            title="Distribution of prices",
            shape="heat",
            queries={f"sum by (le) ({rate(metrics.QUOTED_PRICE)})": "{{le}}"},
            description="In the currency of the market.",
            unit=CURRENCY,
        ),
        Panel(
            title="Distribution of range widths",
            shape="heat",
            queries={f"sum by (le) ({rate(metrics.RANGE_WIDTH)})": "{{le}}"},
            description="Width as a share of the price; wider ranges are less certain.",
            unit="percentunit",
        ),
    ),
)

WARNINGS = Row(
    title="Warnings",
    panels=(
        Panel(
            title="Quotes with a warning",
            shape="lines",
            queries={WARNED: "share"},
            description="Unknown or missing make, model, year, mileage or region.",
            unit="percentunit",
            width=8,
            low=0,
            high=1,
        ),
        Panel(
            title="Warnings per second by kind",
            shape="lines",
            queries={f"sum by (kind) ({rate(metrics.QUOTE_WARNINGS, INSTANCE)})": "{{kind}}"},
            description="Reasons why a quote is less certain.",
            unit="reqps",
            width=8,
            low=0,
        ),
        Panel(
            title="Unknown categories by field",
            shape="lines",
            queries={f"sum by (field) ({rate(metrics.UNKNOWN_CATEGORIES, INSTANCE)})": "{{field}}"},
            description="Many in one field: a client spells values differently, or the cars are new.",
            unit="reqps",
            width=8,
            low=0,
        ),
    ),
)

ACCURACY = Row(
    title="Accuracy",
    panels=(
        Panel(
            title="Error against sale prices",
            shape="lines",
            queries={
                known(metrics.LIVE_ERROR): "median error",
                known(metrics.LIVE_ERROR_LOW): "lower bound",
                known(metrics.LIVE_ERROR_HIGH): "upper bound",
                known(metrics.ESTIMATED_ERROR): "estimate from ranges",
            },
            description=f"Needs {SALES} reported sales; the estimate needs none.",
            unit="percentunit",
            low=0,
            runbook="CarvalueLiveErrorHigh",
        ),
        Panel(
            title="Sale prices within the range",
            shape="lines",
            queries={
                known(metrics.LIVE_COVERAGE): "coverage",
                known(metrics.LIVE_COVERAGE_LOW): "lower bound",
                known(metrics.LIVE_COVERAGE_HIGH): "upper bound",
            },
            description=f"90 % of the prices should be within the range. Needs {SALES} reported sales.",
            unit="percentunit",
            low=0,
            high=1,
            steps=((None, "transparent"), (TARGET, "green")),
            runbook="CarvalueCoverageLow",
            empty=NO_SALES,
        ),
        Panel(
            title="Correction of the ranges",
            shape="lines",
            queries={
                f"exp({metrics.RANGE_LEVEL.name}) - 1": "moved by",
                f"{metrics.RANGE_SCALE.name} - 1": "widened by",
            },
            description="By how much reported sales move and widen the price ranges. Prices stay.",
            unit="percentunit",
            width=24,
            steps=((None, "transparent"), (0, "gray")),
            runbook="CarvalueCoverageLow",
        ),
        Panel(
            title="Challenger against production",
            shape="lines",
            queries={
                quantile(0.1, metrics.SHADOW_DIFFERENCE): "one in ten below",
                quantile(0.5, metrics.SHADOW_DIFFERENCE): "median",
                quantile(0.9, metrics.SHADOW_DIFFERENCE): "one in ten above",
            },
            description="Price of the challenger over the quoted price, minus 1; `carvalue shadow N`.",
            unit="percentunit",
            width=18,
            steps=((None, "transparent"), (0, "gray")),
            empty="no challenger",
        ),
        Panel(
            title="Challenger",
            shape="stat",
            queries={metrics.SHADOW_VERSION.name: "version"},
            description="Version in shadow mode.",
            width=6,
            steps=NEUTRAL,
            texts=((0, "none"),),
            decimals=0,
        ),
    ),
)

PRICES = Board(
    uid="carvalue-prices",
    title="carvalue: prices",
    description="What is quoted, how certain it is, and how wrong it was.",
    variables=("instance", "window"),
    rows=(SUMMARY, QUOTES, WARNINGS, ACCURACY),
)
