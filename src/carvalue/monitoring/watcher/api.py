"""The HTTP API of the watcher: drift, alerts, incidents, retrainings, decisions, quotes, ratings, reports."""

import logging
from asyncio import to_thread
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import exp
from typing import TypeVar

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from carvalue.api import (
    AlertsView,
    BoundedShareView,
    DecisionView,
    DriftView,
    FeatureDriftView,
    HourCount,
    IncidentRecordView,
    IncidentView,
    LiveAccuracyView,
    ReportView,
    RetrainingView,
    WatcherHealth,
)
from carvalue.errors import AppError
from carvalue.http_security import AllowedHosts, BrowserProtection
from carvalue.monitoring.alerting import UnknownIncident
from carvalue.monitoring.drift import FeatureDrift
from carvalue.monitoring.watcher.alert_conditions import WatcherSnapshot
from carvalue.monitoring.watcher.live_accuracy import BoundedShare
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.registry import DecisionRecord
from carvalue.telemetry import LocalTracer, Tracer, TracingMiddleware

PAST_ALERTS = 50
PAST_DECISIONS = 100
MAX_INCIDENTS = 50
LOOPBACK_ONLY = AllowedHosts()
# a report is opened in a browser: its scripts must reach neither the watcher nor another server
REPORT_HEADERS = {
    "Content-Security-Policy": (
        "sandbox allow-scripts; default-src 'unsafe-inline' data: blob:; connect-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

ViewT = TypeVar("ViewT")

logger = logging.getLogger(__name__)


def create_api(
    watcher: Watcher,
    retraining: RetrainingTrigger,
    *,
    decisions: Callable[[], Sequence[DecisionRecord]] = tuple,
    allowed: AllowedHosts = LOOPBACK_ONLY,
    tracer: Tracer | None = None,
) -> Starlette:
    """Build the ASGI application.

    Args:
        watcher: The source of drift, alerts and reports.
        retraining: The source of the retraining state.
        decisions: Returns all decisions on model versions, oldest first.
        allowed: The host names that the watcher answers to; loopback names unless given.
        tracer: Opens a span for each request.

    Returns:
        The application.
    """

    async def healthz(_: Request) -> Response:
        return _json(WatcherHealth(status="alive", trouble=watcher.trouble))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(watcher.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def drift(_: Request) -> Response:
        snapshot = watcher.snapshot
        return _json(_drift(snapshot) if snapshot else DriftView(state="insufficient data", features=()))

    async def alerts(_: Request) -> Response:
        firing, past = watcher.alert_store.firing(), watcher.alert_store.past(PAST_ALERTS)
        return _json(_view({"firing": firing, "past": past}, AlertsView))

    async def incidents(_: Request) -> Response:
        newest = await to_thread(watcher.incidents.newest, MAX_INCIDENTS)
        return _json(_view(newest, tuple[IncidentRecordView, ...]))

    async def incident(request: Request) -> Response:
        number = request.path_params["number"]
        try:
            found = await to_thread(partial(watcher.incidents.read, number, now=datetime.now(UTC)))
        except UnknownIncident as error:
            return JSONResponse({"detail": str(error)}, error.status)
        except AppError as error:
            return _unavailable("journal", error)
        return _json(_view(found, IncidentView))

    async def receivers(_: Request) -> Response:
        return _json(await to_thread(watcher.alert_store.receivers))  # asks Alertmanager

    async def retrainings(_: Request) -> Response:
        return _json(_retraining(retraining))

    async def decisions_made(_: Request) -> Response:
        try:
            newest_first = (await to_thread(decisions))[::-1]
        except AppError as error:
            return _unavailable("journal", error)
        return _json(_view(newest_first[:PAST_DECISIONS], tuple[DecisionView, ...]))

    async def quotes(_: Request) -> Response:
        try:
            counts = await to_thread(watcher.quotes_per_hour)
        except AppError as error:
            return _unavailable("journal", error)
        return _json([HourCount(hour=hour, quotes=count) for hour, count in counts])

    async def ratings(_: Request) -> Response:
        try:
            counts = await to_thread(watcher.rating_counts)
        except AppError as error:
            return _unavailable("journal", error)
        return _json(dict(counts))

    async def reports(_: Request) -> Response:
        try:
            every = await to_thread(watcher.reports.all)
        except AppError as error:
            return _unavailable("storage", error)
        return _json(_view(every, tuple[ReportView, ...]))

    async def report(request: Request) -> Response:
        try:
            html = await to_thread(watcher.reports.read, request.path_params["name"])
            return HTMLResponse(html, headers=REPORT_HEADERS)
        except AppError as error:
            return JSONResponse({"detail": str(error)}, error.status)

    routes = [
        Route("/healthz", healthz),
        Route("/metrics", metrics),
        Route("/drift", drift),
        Route("/alerts", alerts),
        Route("/incidents", incidents),
        Route("/incidents/{number:int}", incident),
        Route("/receivers", receivers),
        Route("/retraining", retrainings),
        Route("/decisions", decisions_made),
        Route("/quotes", quotes),
        Route("/ratings", ratings),
        Route("/reports", reports),
        Route("/reports/{name}", report),
    ]
    first_segments = {route.path.split("/")[1] for route in routes}
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(TracingMiddleware, tracer=tracer or LocalTracer(), routes=first_segments),
            Middleware(BrowserProtection, allowed=allowed),
        ],
    )


def _unavailable(store: str, error: AppError) -> Response:
    # the message may name the host and the user of the database
    logger.warning("%s not read", store, extra={"because": error.message})
    return JSONResponse({"detail": f"The {store} cannot be read. {error.hint}"}, error.status)


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _view(value: object, shape: type[ViewT]) -> ViewT:
    """Take the fields of the contract from objects of the watcher."""
    return msgspec.convert(value, shape, from_attributes=True)


def _drift(snapshot: WatcherSnapshot) -> DriftView:
    drift, live = snapshot.drift, snapshot.live
    return DriftView(
        state=drift.state,
        provisional=drift.provisional,
        since=drift.since,
        model_version=snapshot.model_version,
        reference=snapshot.reference,
        rows_seen=drift.rows,
        window_rows=drift.window,
        features=tuple(map(_feature, drift.features)),
        live=LiveAccuracyView(
            sales=live.sales,
            error=_bounded(live.error),
            coverage=_bounded(live.coverage),
            bias=_bounded(live.bias),
            estimated_error=snapshot.estimated_error,
            range_level=snapshot.correction.level,
            range_scale=exp(snapshot.correction.log_scale),
        ),
    )


def _bounded(value: BoundedShare | None) -> BoundedShareView | None:
    return _view(value, BoundedShareView) if value else None


def _feature(item: FeatureDrift) -> FeatureDriftView:
    return FeatureDriftView(
        name=item.name,
        title=item.title,
        state=item.state,
        score=item.score,
        says=item.description,
        since=item.since,
        labels=item.labels,
        reference=item.reference,
        window=item.window,
    )


def _retraining(trigger: RetrainingTrigger) -> RetrainingView:
    outcome = trigger.outcome
    return RetrainingView(
        run=outcome.run.name if outcome else None,
        outcome=outcome.result if outcome else None,
        reasons=tuple(outcome.reasons) if outcome else (),
        ended_at=outcome.run.ended_at if outcome else None,
        next=trigger.next,
    )
