"""Monitoring: the model in production, what people ask for, drift, alerts, and the reports that show it."""

import streamlit as st

from carvalue.errors import AppError
from carvalue.settings import Settings, load_settings
from carvalue.web.client import (
    AlertsView,
    AlertView,
    DriftView,
    FeatureDriftView,
    LiveAccuracyView,
    ModelView,
    RetrainingView,
    WatcherClient,
    price_service_client,
    watcher_client,
)
from carvalue.web.components import (
    escape_markdown,
    format_date,
    per_hour,
    show_table,
    source_name,
    two_distributions,
)

COLORS = {"insufficient data": "gray", "clean": "green", "suspected": "orange", "confirmed": "red"}
PAST = 10


def show_monitoring() -> None:
    """Draw the page."""
    settings = load_settings()
    st.title("Monitoring")
    _links(settings)
    _show_model(settings)
    try:
        watching = watcher_client(settings.watcher_url)
        drift, alerts = watching.drift(), watching.alerts()
    except AppError as error:
        st.warning(f"{error.message} {error.hint}")
        return
    _show_alerts(alerts)
    _show_retraining(watching.retraining())
    _show_drift(drift)
    _show_quotes(watching)
    _show_live(drift)
    _show_reports(watching)


def _links(settings: Settings) -> None:
    st.markdown(" · ".join(f"[{escape_markdown(name)}]({url})" for name, url in settings.links.items()))


def _show_model(settings: Settings) -> None:
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
        "Range holds": _share(metrics.get("coverage")),
    }
    for column, (name, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(name, value)
    source = escape_markdown(source_name(card.data_source))
    st.caption(f"On validation rows. Learned from {source}, up to {format_date(card.data_as_of)}.")
    _show_card(model)


def _show_card(model: ModelView) -> None:
    with st.expander("Model card"):
        for limit in model.card.limits:
            st.markdown(f"- {escape_markdown(limit)}")
        st.json(model.card.model_dump(), expanded=False)


def _show_alerts(alerts: AlertsView) -> None:
    st.subheader("Alerts")
    if not alerts.firing:
        st.success("None lasts.", icon=":material/check_circle:")
    for alert in alerts.firing:
        lines = "\n\n".join(escape_markdown(line) for line in alert.text.splitlines())
        st.error(f"**{escape_markdown(alert.title)}**, since {alert.since:%Y-%m-%d %H:%M} UTC\n\n{lines}")
    if alerts.past:
        with st.expander(f"Past ({len(alerts.past)})"):
            show_table([_past(alert) for alert in alerts.past[:PAST]])


def _past(alert: AlertView) -> dict[str, str]:
    ended = f"{alert.resolved_at:%Y-%m-%d %H:%M}" if alert.resolved_at else ""
    return {"what": alert.title, "from": f"{alert.since:%Y-%m-%d %H:%M}", "to": ended}


def _show_retraining(found: RetrainingView) -> None:
    st.subheader("Retraining")
    ended = f", {found.ended_at:%Y-%m-%d %H:%M} UTC" if found.ended_at else ""
    last = f"The last one: **{found.outcome}**{ended}." if found.outcome else "None yet."
    reasons = f" {escape_markdown('; '.join(found.reasons))}." if found.reasons else ""
    after = found.next or "an alarm of drift, live accuracy or coverage starts one"
    st.markdown(f"{last}{reasons} Next: {escape_markdown(after)}. By hand: `carvalue retrain`.")


def _show_drift(drift: DriftView) -> None:
    st.subheader("Drift")
    color = COLORS.get(drift.state, "gray")
    note = " Thresholds are provisional: they rest on the training data alone."
    provisional = note if drift.provisional else ""
    st.markdown(f":{color}-badge[{drift.state}] {drift.rows_seen:,} quotes judged.{provisional}")
    if not drift.features:
        st.info("Nothing has been judged yet.")
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
    chosen = st.selectbox("Distributions of", names, help="The feature that stands out most comes first.")
    item = next(item for item in drift.features if item.title == chosen)
    st.altair_chart(two_distributions(item.labels, item.reference, item.window), width="stretch")
    st.caption(f"{escape_markdown(item.title)}: {escape_markdown(item.says)}" if item.says else "")


def _feature(item: FeatureDriftView) -> dict[str, object]:
    return {"feature": item.title, "state": item.state, "score": item.score, "how far": item.says}


def _show_quotes(watching: WatcherClient) -> None:
    st.subheader("Quotes in the last 24 hours")
    hours = [hour.model_dump(mode="json") for hour in watching.quotes_per_hour()]
    st.altair_chart(per_hour(hours), width="stretch")


def _show_live(drift: DriftView) -> None:
    st.subheader("Against reported sales")
    live = drift.live
    if live is None or live.error is None or live.coverage is None:
        st.info(_too_few_sales(live))
        return
    for column, name, found in zip(
        st.columns(2), ("Median error", "Range holds"), (live.error, live.coverage), strict=True
    ):
        column.metric(name, _share(found.value), help=f"{_share(found.low)} to {_share(found.high)} (95 %)")


def _too_few_sales(live: LiveAccuracyView | None) -> str:
    told = f"{live.sales if live else 0} sales reported; 30 are needed to say how good the prices were."
    if live is None or live.estimated_error is None:
        return told
    return f"{told} The ranges promise a median error of {_share(live.estimated_error)}."


def _show_reports(watching: WatcherClient) -> None:
    st.subheader("Reports")
    reports = watching.reports()
    if not reports:
        st.info("None yet: one is drawn for each confirmed drift, and one a day.")
        return
    names = {f"{item.made_at:%Y-%m-%d %H:%M} UTC, {item.why}": item.name for item in reports}
    chosen = st.selectbox("Report", list(names))
    if st.button("Show", icon=":material/insights:"):
        st.iframe(watching.report(names[chosen]), height=900)


def _share(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.1%}"
