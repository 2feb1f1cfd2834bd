"""Monitoring: the model in production, alerts, retraining, drift, quotes, live accuracy and reports."""

from math import exp

import msgspec
import streamlit as st

from carvalue.api import (
    AlertsView,
    AlertView,
    DecisionView,
    DriftView,
    FeatureDriftView,
    LiveAccuracyView,
    Model,
    RetrainingView,
)
from carvalue.client import WatcherClient
from carvalue.errors import AppError
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import price_service_client, watcher_client
from carvalue.web.components import (
    escape_markdown,
    format_date,
    per_hour,
    show_table,
    source_name,
    two_distributions,
)
from carvalue.web.views.operators import is_operator, show_links, show_report

COLORS = {"insufficient data": "gray", "clean": "green", "suspected": "orange", "confirmed": "red"}
MAX_PAST_ALERTS = 10
REFRESH_S = 30


def show_monitoring() -> None:
    """Show the page."""
    settings = load_settings(PageSettings)
    st.title("Monitoring")
    if not is_operator(settings):
        return
    show_links(settings)
    _show_state(settings)


@st.fragment(run_every=REFRESH_S)
def _show_state(settings: PageSettings) -> None:
    _show_model(settings)
    try:
        watcher = watcher_client(settings.watcher_url)
        drift, alerts, receivers = watcher.drift(), watcher.alerts(), watcher.receivers()
    except AppError as error:
        st.warning(f"{error.message} {error.hint}")
        return
    _show_alerts(alerts, receivers)
    _show_retraining(watcher.retraining())
    _show_decisions(watcher)
    _show_drift(drift)
    _show_quotes(watcher)
    _show_live(drift)
    _show_ratings(watcher)
    _show_reports(watcher)


def _show_model(settings: PageSettings) -> None:
    st.subheader("In production")
    try:
        model = price_service_client(settings.service_url).in_production()
    except AppError as error:
        st.error(str(error))
        return
    metrics, card = model.card.metrics, model.card
    figures = {
        "Version": model.version,
        "Median error": _share(metrics.get("mdape")),
        "Within 20 %": _share(metrics.get("within_20")),
        "In price range": _share(metrics.get("coverage")),
    }
    for column, (name, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(name, value)
    source = escape_markdown(source_name(card.data_source))
    newest = format_date(card.data_as_of)
    st.caption(
        f"Measured on the newest cars, before these were learned. Trained on {source}, up to {newest}."
    )
    _show_card(model)


def _show_card(model: Model) -> None:
    with st.expander("Model card"):
        for limit in model.card.limits:
            st.markdown(f"- {escape_markdown(limit)}")
        st.json(msgspec.to_builtins(model.card), expanded=False)


def _show_alerts(alerts: AlertsView, receivers: tuple[str, ...]) -> None:
    st.subheader("Alerts")
    if not receivers:
        st.warning(
            "Nobody is notified of alerts: `ALERT_URLS` names no receiver, or Alertmanager does not answer.",
            icon=":material/notifications_off:",
        )
    if not alerts.firing:
        st.success("No alert is active.", icon=":material/check_circle:")
    for alert in alerts.firing:
        lines = "\n\n".join(escape_markdown(line) for line in alert.text.splitlines())
        incident = f"[Incident {alert.number}](/incidents?incident={alert.number})"
        since = f"since {alert.since:%Y-%m-%d %H:%M} UTC"
        st.error(f"**{escape_markdown(alert.title)}**, {since}\n\n{lines}\n\n{incident}")
    if alerts.past:
        with st.expander(f"Past ({len(alerts.past)})"):
            show_table([_past(alert) for alert in alerts.past[:MAX_PAST_ALERTS]])


def _past(alert: AlertView) -> dict[str, str]:
    ended = f"{alert.resolved_at:%Y-%m-%d %H:%M}" if alert.resolved_at else ""
    return {"what": alert.title, "from": f"{alert.since:%Y-%m-%d %H:%M}", "to": ended}


def _show_retraining(retraining: RetrainingView) -> None:
    st.subheader("Retraining")
    ended = f", {retraining.ended_at:%Y-%m-%d %H:%M} UTC" if retraining.ended_at else ""
    last = f"Last retraining: **{retraining.outcome}**{ended}." if retraining.outcome else "None yet."
    reasons = f" {escape_markdown('; '.join(retraining.reasons))}." if retraining.reasons else ""
    upcoming = retraining.next or "an alert about drift, live accuracy or coverage starts one"
    st.markdown(f"{last}{reasons} Next: {escape_markdown(upcoming)}. Start one with `carvalue retrain`.")


def _show_decisions(watcher: WatcherClient) -> None:
    try:
        decisions = watcher.decisions()
    except AppError as error:
        st.warning(f"{error.message} {error.hint}")
        return
    if decisions:
        with st.expander(f"Decisions on model versions ({len(decisions)})"):
            show_table([_decision(item) for item in decisions])


def _decision(item: DecisionView) -> dict[str, str]:
    return {
        "when (UTC)": f"{item.at:%Y-%m-%d %H:%M}",
        "version": str(item.version),
        "decision": item.act,
        "before": str(item.earlier or ""),
        "by": item.by,
        "why": "; ".join(item.reasons),
    }


def _show_drift(drift: DriftView) -> None:
    st.subheader("Drift")
    color = COLORS.get(drift.state, "gray")
    note = " The thresholds are provisional: few quotes have been seen so far."
    provisional = note if drift.provisional else ""
    st.markdown(f":{color}-badge[{drift.state}] {drift.rows_seen:,} quotes checked.{provisional}")
    if not drift.features:
        st.info("No quotes have been checked yet.")
        return
    show_table(
        [_feature(item) for item in drift.features],
        column_config={
            "score": st.column_config.ProgressColumn(
                "score (1: confirmed)", min_value=0, max_value=2, format="%.2f"
            )
        },
    )
    names = [item.title for item in drift.features]
    chosen = st.selectbox("Distributions of", names, help="The feature with the largest score comes first.")
    item = next(item for item in drift.features if item.title == chosen)
    st.altair_chart(two_distributions(item.labels, item.reference, item.window), width="stretch")
    st.caption(f"{escape_markdown(item.title)}: {escape_markdown(item.says)}" if item.says else "")


def _feature(item: FeatureDriftView) -> dict[str, object]:
    return {"feature": item.title, "state": item.state, "score": item.score, "change": item.says}


def _show_quotes(watcher: WatcherClient) -> None:
    st.subheader("Quotes in the last 24 hours")
    hours = [msgspec.to_builtins(hour) for hour in watcher.quotes_per_hour()]
    st.altair_chart(per_hour(hours), width="stretch")


def _show_live(drift: DriftView) -> None:
    st.subheader("Against reported sales")
    live = drift.live
    if live is None or live.error is None or live.coverage is None:
        st.info(_too_few_sales(live))
        return
    for column, name, share in zip(
        st.columns(2), ("Median error", "In price range"), (live.error, live.coverage), strict=True
    ):
        column.metric(
            name, _share(share.value), help=f"95 % confidence: {_share(share.low)} to {_share(share.high)}"
        )
    if live.range_level or live.range_scale != 1:
        st.caption(
            f"These sales move the price ranges by {exp(live.range_level) - 1:+.0%}, change their width by "
            f"{live.range_scale - 1:+.0%}, and change no price."
        )


def _show_ratings(watcher: WatcherClient) -> None:
    counts = watcher.rating_counts()
    rated = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    st.caption(f"What visitors think of this version's prices: {rated or 'not known yet'}.")


def _too_few_sales(live: LiveAccuracyView | None) -> str:
    counted = (
        f"{live.sales if live else 0} reported sales count. To measure the accuracy, at least 30 are needed, "
        "from 5 clients or from a verified one. An unverified client counts with 3 sales, or 5 % of all."
    )
    if live is None or live.estimated_error is None:
        return counted
    return (
        f"{counted} The width of the price ranges suggests a median error of {_share(live.estimated_error)}."
    )


def _show_reports(watcher: WatcherClient) -> None:
    st.subheader("Reports")
    reports = watcher.reports()
    if not reports:
        st.info("No report yet. There is one for each confirmed drift, and one a day.")
        return
    names = {f"{item.made_at:%Y-%m-%d %H:%M} UTC, {item.why}": item.name for item in reports}
    chosen = st.selectbox("Report", list(names))
    show_report(watcher, names[chosen])


def _share(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.1%}"
