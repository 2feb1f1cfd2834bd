"""The dashboard of drift: which channel changed, in which features, and who was notified."""

from boards.panel import CHANNEL, DRIFT_STEPS, NEUTRAL, SUMMARY_HEIGHT, UP_STEPS, Board, Panel, Row, rate
from carvalue.telemetry import metrics
from carvalue.telemetry.objectives import LATE_S

STATE_TEXTS = tuple((number, state) for state, number in metrics.STATE_NUMBERS.items())
BY_FEATURE = "max by (feature)"
RUNBOOK = "CarvalueDriftConfirmed"

SUMMARY = Row(
    title="Summary",
    height=SUMMARY_HEIGHT,
    panels=(
        Panel(
            title="Drift",
            shape="stat",
            queries={metrics.DRIFT_STATE.name: "all quotes"},
            description="The worst state of any channel. Confirmed drift raises an alert.",
            width=4,
            steps=DRIFT_STEPS,
            texts=STATE_TEXTS,
            runbook=RUNBOOK,
        ),
        Panel(
            title="Drifted features",
            shape="stat",
            queries={metrics.DRIFTED_FEATURES.name: "features"},
            description="Number of features with confirmed drift.",
            width=4,
            steps=((None, "green"), (1, "red")),
            decimals=0,
        ),
        Panel(
            title="Share of features drifted",
            shape="stat",
            queries={metrics.DRIFTED_SHARE.name: "share"},
            description="Share of all monitored features with confirmed drift.",
            unit="percentunit",
            width=4,
            low=0,
            high=1,
            steps=((None, "green"), (0.01, "red")),
            decimals=0,
        ),
        Panel(
            title="Alerts of the watcher",
            shape="stat",
            queries={f"sum({metrics.ALERTS_FIRING.name})": "firing"},
            description="Alerts of the watcher that fire now.",
            width=4,
            steps=((None, "green"), (1, "red")),
            decimals=0,
        ),
        Panel(
            title="Watcher lag",
            shape="stat",
            queries={metrics.WATCHER_LAG.name: "lag"},
            description="Age of the newest checked quote while others wait; 0 when none waits.",
            unit="s",
            width=4,
            low=0,
            steps=((None, "green"), (LATE_S / 2, "orange"), (LATE_S, "red")),
            runbook="CarvalueWatcherStuck",
        ),
        Panel(
            title="Quotes checked",
            shape="stat",
            queries={metrics.WATCHED_QUOTES.name: "quotes"},
            description="Since the start of the watcher.",
            width=4,
            steps=NEUTRAL,
        ),
    ),
)

STATES = Row(
    title="Channels and features",
    panels=(
        Panel(
            title="State of each channel",
            shape="states",
            queries={f"{metrics.CHANNEL_STATE.name}{CHANNEL}": "{{channel}}"},
            description="Grey: fewer than 500 quotes count. Red: confirmed drift; see the alert.",
            steps=DRIFT_STEPS,
            texts=STATE_TEXTS,
            runbook=RUNBOOK,
        ),
        Panel(
            title="Quotes per second by channel",
            shape="lines",
            queries={f"sum by (channel) ({rate(metrics.CHANNEL_QUOTES, CHANNEL)})": "{{channel}}"},
            description="Quotes that the watcher has read.",
            unit="reqps",
            low=0,
        ),
        Panel(
            title="Features by state",
            shape="states",
            queries={f"{BY_FEATURE} ({metrics.FEATURE_STATE.name}{CHANNEL})": "{{feature}}"},
            description="Inputs and answers whose distribution differs from the channel's own history.",
            width=24,
            steps=DRIFT_STEPS,
            texts=STATE_TEXTS,
            runbook=RUNBOOK,
        ),
        Panel(
            title="Score of each feature against its threshold",
            shape="lines",
            queries={f"{BY_FEATURE} ({metrics.FEATURE_SCORE.name}{CHANNEL})": "{{feature}}"},
            description="Drift is confirmed above 1 and ends well below it.",
            width=24,
            low=0,
            steps=((None, "transparent"), (1, "red")),
            runbook=RUNBOOK,
        ),
    ),
)

ALERTS = Row(
    title="Alerts and the watcher",
    panels=(
        Panel(
            title="Firing alerts",
            shape="lines",
            queries={metrics.ALERTS_FIRING.name: "{{kind}}"},
            description="Alerts of the watcher by kind.",
            width=8,
            low=0,
            decimals=0,
        ),
        Panel(
            title="Notifications waiting",
            shape="lines",
            queries={metrics.ALERTS_WAITING.name: "{{receiver}}"},
            description="Notifications that a receiver has not accepted yet; they are retried.",
            width=8,
            low=0,
            decimals=0,
            runbook="CarvalueAlertsUndelivered",
            empty="no receiver",
        ),
        Panel(
            title="Last round of the watcher",
            shape="states",
            queries={metrics.WATCHER_UP.name: "completed"},
            description="1: completed. 0: the watcher's /healthz shows why not.",
            width=8,
            steps=UP_STEPS,
            runbook="CarvalueWatcherStuck",
        ),
    ),
)

DRIFT = Board(
    uid="carvalue-drift",
    title="carvalue: drift",
    description="Do people ask for other cars than before, did a field break, and who knows about it?",
    variables=("channel", "window"),
    rows=(SUMMARY, STATES, ALERTS),
)
