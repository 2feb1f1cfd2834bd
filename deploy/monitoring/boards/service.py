"""The dashboard of operations: requests, objectives, the way of quotes into the journal, and all parts."""

from boards.panel import INSTANCE, NEUTRAL, SUMMARY_HEIGHT, UP_STEPS, Board, Panel, Row, quantile, rate
from carvalue.telemetry import metrics
from carvalue.telemetry.alert_rules import DISK_SHARE, OUTBOX_SHARE, SERVICE_JOB
from carvalue.telemetry.objectives import BUDGET, ERRORS, LATE_S, SLOW_S

SELECTED = INSTANCE.strip("{}")
FAILED = f'{{{SELECTED},status=~"5.."}}'
PREDICT = f'{{{SELECTED},route="/predict"}}'
DAY_S = 86_400
ERROR_SHARE = (
    f"(sum({rate(metrics.REQUESTS, FAILED)}) or vector(0)) / sum({rate(metrics.REQUESTS, INSTANCE)})"
)
OUTBOX_USED = f"max({metrics.OUTBOX_BYTES.name}{INSTANCE} / {metrics.OUTBOX_LIMIT.name}{INSTANCE})"

SUMMARY = Row(
    title="Summary",
    height=SUMMARY_HEIGHT,
    panels=(
        Panel(
            title="Price services",
            shape="stat",
            queries={f'sum(up{{job="{SERVICE_JOB}"}})': "up"},
            description="Price services that answer Prometheus.",
            width=3,
            steps=UP_STEPS,
            runbook="CarvalueServiceDown",
            decimals=0,
        ),
        Panel(
            title="Firing alerts",
            shape="stat",
            queries={'count(ALERTS{alertstate="firing"}) or vector(0)': "firing"},
            description="Alerts of Prometheus that fire now.",
            width=3,
            steps=((None, "green"), (1, "red")),
            decimals=0,
        ),
        Panel(
            title="Requests",
            shape="stat",
            queries={f"sum({rate(metrics.REQUESTS, INSTANCE)})": "requests"},
            description="Requests per second.",
            unit="reqps",
            width=3,
            low=0,
            steps=NEUTRAL,
        ),
        Panel(
            title="Errors",
            shape="stat",
            queries={ERROR_SHARE: "share"},
            description="Share of answers with status 500 or above.",
            unit="percentunit",
            width=3,
            low=0,
            steps=((None, "green"), (0.001, "orange"), (0.01, "red")),
            runbook="CarvalueErrorBudgetBurningFast",
            decimals=2,
        ),
        Panel(
            title="p99 of a quote",
            shape="stat",
            queries={quantile(0.99, metrics.REQUEST_SECONDS, PREDICT): "p99"},
            description="From the headers of the request to the end of the answer.",
            unit="s",
            width=3,
            low=0,
            steps=((None, "green"), (SLOW_S / 2, "orange"), (SLOW_S, "red")),
        ),
        Panel(
            title="Least error budget",
            shape="stat",
            queries={f"min({BUDGET})": "left"},
            description="What is left of the smallest error budget for 30 days.",
            unit="percentunit",
            width=3,
            high=1,
            steps=((None, "red"), (0, "orange"), (0.25, "green")),
            runbook="CarvalueErrorBudgetBurningSlowly",
            decimals=0,
        ),
        Panel(
            title="Outbox used",
            shape="stat",
            queries={OUTBOX_USED: "used"},
            description="Fullest outbox, as a share of its limit.",
            unit="percentunit",
            width=3,
            low=0,
            high=1,
            steps=((None, "green"), (OUTBOX_SHARE / 2, "orange"), (OUTBOX_SHARE, "red")),
            runbook="CarvalueOutboxFilling",
            decimals=0,
        ),
        Panel(
            title="Version",
            shape="stat",
            queries={f"min({metrics.MODEL_VERSION.name}{INSTANCE})": "version"},
            description="The oldest version in use.",
            width=3,
            steps=((None, "red"), (1, "blue")),
            texts=((0, "none"),),
            runbook="CarvalueModelMissing",
            decimals=0,
        ),
    ),
)

REQUESTS = Row(
    title="Requests",
    panels=(
        Panel(
            title="Requests per second",
            shape="lines",
            queries={f"sum by (route, status) ({rate(metrics.REQUESTS, INSTANCE)})": "{{route}} {{status}}"},
            description="By route and status.",
            unit="reqps",
            low=0,
        ),
        Panel(
            title="Share of errors of the service",
            shape="lines",
            queries={ERROR_SHARE: "share"},
            description="Share of answers with status 500 or above. Line: the objective of availability.",
            unit="percentunit",
            low=0,
            steps=((None, "transparent"), (0.001, "red")),
            runbook="CarvalueErrorBudgetBurningFast",
        ),
        Panel(
            title="Duration of a quote",
            shape="lines",
            queries={
                quantile(share, metrics.REQUEST_SECONDS, PREDICT): f"p{share * 100:g}"
                for share in (0.5, 0.9, 0.99)
            },
            description="From the headers of the request to the end of the answer. Line: the objective.",
            unit="s",
            low=0,
            steps=((None, "transparent"), (SLOW_S, "red")),
        ),
        Panel(
            title="Rejected requests per second",
            shape="lines",
            queries={f"sum by (reason) ({rate(metrics.REJECTED, INSTANCE)})": "{{reason}}"},
            description="Invalid key, rate limit, slow or excess connections, invalid HTTP.",
            unit="reqps",
            low=0,
            runbook="CarvalueClientsTurnedAway",
        ),
    ),
)

OBJECTIVES = Row(
    title="Objectives",
    panels=(
        Panel(
            title="Error budget left",
            shape="lines",
            queries={BUDGET: "{{objective}}"},
            description="What is left of the error budgets for 30 days. Below 0 the objective is missed.",
            unit="percentunit",
            high=1,
            steps=((None, "transparent"), (0, "red")),
            runbook="CarvalueErrorBudgetBurningSlowly",
        ),
        Panel(
            title="Bad events in the window",
            shape="lines",
            queries={f'{ERRORS}{{window="$window"}}': "{{objective}}"},
            description="Share of bad events by objective, over the window that is chosen at the top.",
            unit="percentunit",
            low=0,
            runbook="CarvalueErrorBudgetBurningFast",
        ),
    ),
)

JOURNAL = Row(
    title="From the answer to the journal",
    panels=(
        Panel(
            title="Journal lag",
            shape="lines",
            queries={f"{metrics.JOURNAL_LAG.name}{INSTANCE}": "{{instance}}"},
            description="Waiting time of the oldest quote in the outbox. Line: the objective of freshness.",
            unit="s",
            low=0,
            steps=((None, "transparent"), (LATE_S, "red")),
            runbook="CarvalueJournalDown",
        ),
        Panel(
            title="Outbox",
            shape="lines",
            queries={
                f"{metrics.OUTBOX_BYTES.name}{INSTANCE}": "{{instance}}",
                f"{metrics.OUTBOX_LIMIT.name}{INSTANCE}": "limit of {{instance}}",
            },
            description="Bytes of quotes that wait on local disk. At the limit, quotes are dropped.",
            unit="bytes",
            low=0,
            runbook="CarvalueOutboxFilling",
        ),
        Panel(
            title="Quotes stored per second",
            shape="lines",
            queries={f"sum({rate(metrics.JOURNAL_WRITES, INSTANCE)})": "stored"},
            description="Should equal the quotes per second.",
            unit="reqps",
            width=8,
            low=0,
        ),
        Panel(
            title="Records in the quarantine",
            shape="lines",
            queries={f"{metrics.QUARANTINED_RECORDS.name}{INSTANCE}": "{{instance}}"},
            description="Quotes that could not be stored in the journal; see `carvalue quarantine list`.",
            width=8,
            low=0,
            steps=((None, "transparent"), (1, "red")),
            runbook="CarvalueRecordsQuarantined",
            decimals=0,
        ),
        Panel(
            title="Free disk",
            shape="lines",
            queries={
                f"{metrics.DISK_FREE.name}{INSTANCE} / {metrics.DISK_SIZE.name}{INSTANCE}": "{{instance}}"
            },
            description="Share of the disk of STATE_DIR that is free.",
            unit="percentunit",
            width=8,
            low=0,
            high=1,
            steps=((None, "transparent"), (DISK_SHARE, "red")),
            runbook="CarvalueDiskFilling",
        ),
    ),
)

PARTS = Row(
    title="Parts of the platform",
    panels=(
        Panel(
            title="Up",
            shape="states",
            queries={
                "min by (job) (up)": "{{job}}",
                f"min({metrics.JOURNAL_UP.name})": "journal",
                f"min({metrics.OUTBOX_UP.name})": "local disk for quotes",
                f"min({metrics.REGISTRY_UP.name})": "registry",
                metrics.WATCHER_UP.name: "watcher's last round",
                metrics.AIRFLOW_UP.name: "Airflow's API",
            },
            description="1 while the part answers, at all instances.",
            steps=UP_STEPS,
        ),
        Panel(
            title="Airflow: components and last runs",
            shape="states",
            queries={
                metrics.AIRFLOW_PART_UP.name: "{{part}}",
                metrics.PIPELINE_SUCCESS.name: "last run of {{dag}}",
            },
            description="1 while a component sends heartbeats, and if the last run succeeded.",
            steps=UP_STEPS,
            runbook="CarvaluePipelineFailed",
        ),
    ),
)

MODEL = Row(
    title="Model",
    height=6,
    panels=(
        Panel(
            title="Version in use",
            shape="stat",
            queries={f"{metrics.MODEL_VERSION.name}{INSTANCE}": "{{instance}}"},
            description="Number of the version by instance.",
            width=8,
            steps=((None, "red"), (1, "blue")),
            texts=((0, "none"),),
            runbook="CarvalueModelStale",
            decimals=0,
        ),
        Panel(
            title="Age of the model and of its data",
            shape="stat",
            queries={
                f"time() - min({metrics.MODEL_TRAINED_TIMESTAMP.name} > 0)": "version",
                f"time() - min({metrics.MODEL_DATA_TIMESTAMP.name} > 0)": "its newest listing",
            },
            description="Time since the training and since the newest listing of the training data.",
            unit="s",
            width=8,
            steps=((None, "green"), (90 * DAY_S, "orange"), (180 * DAY_S, "red")),
            runbook="CarvalueModelOld",
        ),
        Panel(
            title="Versions loaded",
            shape="stat",
            queries={f"sum({metrics.MODEL_SWAPS.name}{INSTANCE})": "swaps"},
            description="Since the start of the services.",
            width=8,
            steps=NEUTRAL,
            decimals=0,
        ),
        Panel(
            title="Canary",
            shape="stat",
            queries={f"max({metrics.CANARY_VERSION.name}{INSTANCE})": "version"},
            description="The version that answers a share of the requests.",
            width=8,
            steps=NEUTRAL,
            texts=((0, "none"),),
            runbook="CarvalueCanaryStopped",
            decimals=0,
        ),
        Panel(
            title="Prices of the canary",
            shape="lines",
            queries={f"{metrics.CANARY_PRICE_RATIO.name}{INSTANCE}": "{{instance}}"},
            description="Median ratio to the prices of production, for the same cars; 0: no canary.",
            unit="percentunit",
            width=16,
            runbook="CarvalueCanaryStopped",
        ),
    ),
)

SERVICE = Board(
    uid="carvalue-service",
    title="carvalue: service",
    description="Does every part work, are the objectives met, and do quotes reach the journal?",
    variables=("instance", "window"),
    rows=(SUMMARY, REQUESTS, OBJECTIVES, JOURNAL, PARTS, MODEL),
)
