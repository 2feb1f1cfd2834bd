"""What had changed when an alert began, as the JSON that the alert store keeps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from carvalue.monitoring.channels import DriftCause
from carvalue.monitoring.drift import FeatureDrift

MAX_TRACES = 10  # of the newest quotes that were judged


def production_evidence(model_version: str) -> Mapping[str, Any]:
    """Describe an alert that concerns the whole version in production.

    Args:
        model_version: The version in production.

    Returns:
        JSON types.

    >>> production_evidence("3")
    {'model_version': '3'}
    """
    return {"model_version": model_version}


def drift_evidence(diagnosis: DriftCause, *, model_version: str, recent: pl.DataFrame) -> Mapping[str, Any]:
    """Describe a confirmed drift: the channel, the features, and the quotes that show it.

    Args:
        diagnosis: The cause of the drift of a channel.
        model_version: The version in production.
        recent: The newest quotes of all channels: `channel`, `quoted_at` and `trace_id`.

    Returns:
        JSON types: `changed_at` is about when the change began, `changes` has the share of each bin before
        and after it, `trace_ids` the newest quotes.
    """
    features = diagnosis.report.drifted
    rows = recent.filter(pl.col("channel") == diagnosis.channel) if "channel" in recent.columns else recent
    since = min((item.since for item in features if item.since), default=None)
    return {
        **production_evidence(model_version),
        "channel": diagnosis.channel,
        "cause": str(diagnosis.cause),
        "affects_prices": diagnosis.affects_prices,
        "changed_at": _change(rows, features[0].rows, default=since),
        "changes": [_json(item) for item in features],
        "trace_ids": _newest_traces(rows),
    }


def _change(rows: pl.DataFrame, newest: int, *, default: datetime | None) -> str | None:
    """Return when the oldest of the rows was quoted that show the change best."""
    moment: datetime | None = rows["quoted_at"][-min(newest, len(rows))] if newest and len(rows) else default
    if moment and default:
        moment = min(moment, default)
    return moment.isoformat() if moment else None


def _newest_traces(rows: pl.DataFrame) -> list[str]:
    if not len(rows):
        return []
    traces: list[str] = rows["trace_id"].drop_nulls().unique(maintain_order=True).tail(MAX_TRACES).to_list()
    return traces


def _json(item: FeatureDrift) -> Mapping[str, Any]:
    return {
        "name": item.name,
        "title": item.title,
        "says": item.description,
        "score": item.score,
        "labels": item.labels,
        "before": item.history,
        "after": item.changed,
    }
