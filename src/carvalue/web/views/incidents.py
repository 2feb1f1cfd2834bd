"""Incidents: each alert with what changed, real quotes, the report, what was done, and the effect."""

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from carvalue.api import ChangeView, IncidentRecordView, IncidentView, PeriodView, SampleView
from carvalue.client import WatcherClient
from carvalue.errors import AppError
from carvalue.listings import CURRENCY
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import watcher_client
from carvalue.web.components import escape_markdown, show_table, two_distributions
from carvalue.web.views.operators import is_operator, show_links, show_report

REFRESH_S = 5
DAG, MODEL = "retrain_model_dag", "vehicles-price-model"
FIRST_COLUMNS = ("manufacturer", "model", "year", "odometer")  # of a sample, after the fields that changed
NO_VALUE = "\N{EN DASH}"
RESULTS = {
    "promoted": "its version went into production",
    "refused": "a gate refused its version",
    "failed": "it failed",
    "nothing new": "it found nothing new to train on",
}


def show_incidents() -> None:
    """Show the page."""
    settings = load_settings(PageSettings)
    st.title("Incidents")
    if not is_operator(settings):
        return
    show_links(settings)
    watcher = watcher_client(settings.watcher_url)
    try:
        records = watcher.incidents()
    except AppError as error:
        st.warning(f"{error.message} {error.hint}")
        return
    _refresh_list(watcher, _states(records))
    if not records:
        st.success("There has been no incident.", icon=":material/check_circle:")
        return
    number = _choose(records)
    _show_incident(watcher, settings, number)
    _show_report(watcher, next(record for record in records if record.alert.number == number))
    _show_history(records)


@st.fragment(run_every=REFRESH_S)
def _refresh_list(watcher: WatcherClient, shown: frozenset[tuple[int, bool, str]]) -> None:
    """Show the page again when an incident has begun or ended, or has got a report."""
    try:
        records = watcher.incidents()
    except AppError as error:
        st.warning(f"{error.message} {error.hint}")
        return
    if _states(records) != shown:
        st.rerun()


def _states(records: Sequence[IncidentRecordView]) -> frozenset[tuple[int, bool, str]]:
    alerts = [record.alert for record in records]
    return frozenset((alert.number, alert.resolved_at is None, alert.report) for alert in alerts)


def _choose(records: Sequence[IncidentRecordView]) -> int:
    titles = {record.alert.number: _title(record) for record in records}
    wanted = st.query_params.get("incident", "")
    numbers = list(titles)
    index = numbers.index(int(wanted)) if wanted.isdigit() and int(wanted) in titles else 0
    number = st.selectbox("Incident", numbers, index=index, format_func=titles.__getitem__)
    st.query_params["incident"] = str(number)
    return int(number)


def _title(record: IncidentRecordView) -> str:
    state = "ended" if record.alert.resolved_at else "active"
    return f"{record.alert.number} ({state}, {record.alert.since:%Y-%m-%d %H:%M}): {record.alert.title}"


@st.fragment(run_every=REFRESH_S)
def _show_incident(watcher: WatcherClient, settings: PageSettings, number: int) -> None:
    try:
        incident = watcher.incident(number)
    except AppError as error:
        st.warning(f"{error.message} {error.hint}")
        return
    _show_alert(incident)
    _show_course(incident, settings)
    _show_changes(incident.record.evidence.changes)
    _show_effect(incident)
    _show_samples(incident)
    now = datetime.now(UTC)
    st.caption(f"As of {now:%H:%M:%S} UTC; refreshed every {REFRESH_S} seconds.")


def _show_alert(incident: IncidentView) -> None:
    alert = incident.record.alert
    lines = "\n\n".join(escape_markdown(line) for line in alert.text.splitlines())
    text = f"**{escape_markdown(alert.title)}**\n\n{lines}"
    if alert.resolved_at:
        st.success(text, icon=":material/check_circle:")
    else:
        st.error(text, icon=":material/error:")


def _show_course(incident: IncidentView, settings: PageSettings) -> None:
    """List what happened, with links to Airflow and MLflow."""
    record, evidence = incident.record, incident.record.evidence
    begin = f"the quotes of version {evidence.model_version or 'unknown'} began to change"
    steps = [(incident.changed_at, f"about then, {begin}")] if evidence.changes else []
    steps.append((record.alert.since, "the watcher found the first signs"))
    if record.ended_at:
        steps.append((record.ended_at, f"{_run(record, settings)} ended: {RESULTS.get(record.result, '')}"))
    if record.alert.resolved_at:
        steps.append((record.alert.resolved_at, "the alert ended"))
    steps.sort(key=lambda step: step[0])
    st.subheader("What happened")
    lines = [f"- {moment:%Y-%m-%d %H:%M:%S} UTC: {text}" for moment, text in steps]
    if record.run and not record.ended_at:
        lines.append(f"- {_run(record, settings)} is under way")
    if not record.run:
        lines.append("- it started no retraining")
    if record.version is not None:
        lines.append(f"- resulting version: {_version(record.version, settings)}")
    st.markdown("\n".join(lines))


def _run(record: IncidentRecordView, settings: PageSettings) -> str:
    airflow = settings.links.get("Airflow")
    name = escape_markdown(record.run)
    return f"the retraining [{name}]({airflow}/dags/{DAG}/runs/{record.run})" if airflow else name


def _version(version: int, settings: PageSettings) -> str:
    mlflow = settings.links.get("MLflow")
    return f"[{version}]({mlflow}/#/models/{MODEL}/versions/{version})" if mlflow else str(version)


def _show_changes(changes: Sequence[ChangeView]) -> None:
    if not changes:
        return
    st.subheader("What changed")
    show_table(
        [{"feature": item.title, "change": item.says, "score": round(item.score, 2)} for item in changes],
        column_config={"score": st.column_config.NumberColumn("score (1: confirmed)", format="%.2f")},
    )
    titles = [item.title for item in changes]
    chosen = titles[0] if len(titles) == 1 else st.selectbox("Distributions of", titles)
    item = next(item for item in changes if item.title == chosen)
    names = ("before", "during")
    st.altair_chart(two_distributions(item.labels, item.before, item.after, names=names), width="stretch")


def _show_effect(incident: IncidentView) -> None:
    st.subheader("Effect")
    show_table(_effect(incident.periods))
    if incident.repaired_at is None:
        st.caption("*afterwards* appears when the alert ends, or a retraining brings another version.")


def _effect(periods: Sequence[PeriodView]) -> list[dict[str, str]]:
    """Return a row for each figure, and a column for each period."""
    rows = {
        "quotes": [f"{item.quotes:,}" for item in periods],
        "model version": [", ".join(item.versions) or NO_VALUE for item in periods],
        "median price": [_price(item.median_price) for item in periods],
        "median width of the range": [_share(item.median_width) for item in periods],
        "median error of reported sales": [
            f"{_share(item.median_error)} ({item.sales})" if item.sales else NO_VALUE for item in periods
        ],
    }
    for place, field in enumerate(periods[0].fields):
        rows[field.name.replace("_", " ")] = [_values(item, place) for item in periods]
    names = [item.name for item in periods]
    return [{"figure": figure} | dict(zip(names, cells, strict=True)) for figure, cells in rows.items()]


def _values(period: PeriodView, place: int) -> str:
    field = period.fields[place]
    if not period.quotes:
        return NO_VALUE
    number = f"median {field.median:,.0f}" if field.median is not None else ""
    text = f"{field.most_frequent} {field.share:.0%}" if field.most_frequent else ""
    missing = f"{field.missing:.0%} missing" if field.missing else ""
    return ", ".join(filter(None, (number or text, missing)))


def _show_samples(incident: IncidentView) -> None:
    st.subheader("Quotes from the journal")
    changed = [change.name for change in incident.record.evidence.changes]
    tabs = st.tabs([period.name.capitalize() for period in incident.periods])
    for tab, period in zip(tabs, incident.periods, strict=True):
        with tab:
            if period.samples:
                show_table([_sample(item, changed) for item in period.samples])
            else:
                st.info("The journal has no such quotes: there were none, or they were deleted.")


def _sample(item: SampleView, changed: Sequence[str]) -> dict[str, object]:
    fields = dict.fromkeys((*(name for name in changed if name in item.listing), *FIRST_COLUMNS))
    fields |= dict.fromkeys(item.listing)
    return {
        "quoted (UTC)": f"{item.quoted_at:%Y-%m-%d %H:%M:%S}",
        "price": _price(item.price),
        "range": f"{_price(item.low)} to {_price(item.high)}",
        **{name.replace("_", " "): _text(item.listing.get(name)) for name in fields},
        "version": item.model_version,
        "trace": item.trace_id or "",
    }


def _show_report(watcher: WatcherClient, record: IncidentRecordView) -> None:
    """Show the report apart from what is refreshed, because it has megabytes."""
    if record.alert.report:
        st.subheader("Report")
        show_report(watcher, record.alert.report)


def _show_history(records: Sequence[IncidentRecordView]) -> None:
    st.subheader("History")
    show_table([_past(record) for record in records])


def _past(record: IncidentRecordView) -> dict[str, str]:
    ended = record.alert.resolved_at
    return {
        "incident": str(record.alert.number),
        "alert": record.alert.title,
        "from (UTC)": f"{record.alert.since:%Y-%m-%d %H:%M}",
        "to (UTC)": f"{ended:%Y-%m-%d %H:%M}" if ended else "active",
        "retraining": record.result or ("under way" if record.run else ""),
        "version": "" if record.version is None else str(record.version),
    }


def _price(value: float | None) -> str:
    return NO_VALUE if value is None else CURRENCY.format(value)


def _share(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.1%}"


def _text(value: str | float | None) -> str:
    return "" if value is None else str(value)
