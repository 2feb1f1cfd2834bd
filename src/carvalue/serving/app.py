"""The price service as an application: a factory that opens nothing, a lifespan that opens and closes all."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from carvalue.journal import Journal, Outbox
from carvalue.registry import ModelRegistry, ProductionReader
from carvalue.serving.auth import RateLimits, load_key_store
from carvalue.serving.batch import UploadFolder
from carvalue.serving.middleware import (
    AccessLog,
    AuthenticationMiddleware,
    FastPathMiddleware,
    ObservabilityMiddleware,
    SecurityHeaders,
    install_problems,
)
from carvalue.serving.model import BundleCache, bundles_folder
from carvalue.serving.openapi import DESCRIPTION, KEY, TITLE, rejections
from carvalue.serving.routes import PREDICT, documented, operation, plain, post_predict
from carvalue.serving.service import running_service
from carvalue.settings import Settings, load_settings
from carvalue.telemetry import ServiceMetrics


def create_app(
    settings: Settings | None = None,
    *,
    registry: ModelRegistry | None = None,
    access_log: TextIO | None = None,
    metrics_folder: Path | None = None,
) -> ObservabilityMiddleware:
    """Build the application.

    Args:
        settings: those of the environment unless given.
        registry: stands in for the one that the settings name.
        access_log: where a line for each request goes; standard output unless given.
        metrics_folder: where several workers put their metrics together; nowhere if it is the only one.

    Raises:
        BadKeys: a key of the settings cannot be read.
        NoKeys: the service is reachable from elsewhere, and no client has a key.
    """
    settings, metrics = settings or load_settings(), ServiceMetrics(folder=metrics_folder)
    keys = load_key_store(settings)
    log = AccessLog(access_log or sys.stdout)
    app: FastAPI = FastAPIOffline(
        redoc_url=None,
        redirect_slashes=False,  # a redirect would build its address from the Host header
        title=TITLE,
        description=DESCRIPTION,
        version=version("carvalue"),
        lifespan=partial(_lifespan, settings=settings, registry=registry, metrics=metrics, log=log),
    )
    for router in (plain, documented):
        app.include_router(router, dependencies=[KEY], responses=rejections())
    app.include_router(operation)
    install_problems(app)
    routes = frozenset(route.path for route in app.routes if isinstance(route, APIRoute))
    limits = RateLimits(rate=settings.rate_limit, burst=settings.rate_burst)
    quick = FastPathMiddleware(app, path=PREDICT, endpoint=post_predict)
    admission = AuthenticationMiddleware(quick, keys=keys, limits=limits, metrics=metrics)
    return ObservabilityMiddleware(
        admission, metrics=metrics, routes=routes, headers=SecurityHeaders(app), log=log
    )


@asynccontextmanager
async def _lifespan(
    _: FastAPI, *, settings: Settings, registry: ModelRegistry | None, metrics: ServiceMetrics, log: AccessLog
) -> AsyncIterator[Mapping[str, object]]:
    metrics.model_old_after.set(timedelta(days=settings.model_old_days).total_seconds())
    shelf = BundleCache(bundles_folder(settings.state_dir))
    spool_bytes = settings.spool_limit_mb * 2**20 // settings.service_workers
    spool = Outbox(settings.state_dir / "service" / "spool", limit_bytes=spool_bytes)
    journal = Journal(settings.journal_url.get_secret_value())
    uploads = UploadFolder(
        folder=settings.state_dir / "service" / "batches", limit_bytes=settings.batch_limit_mb * 2**20
    )
    with ProductionReader(settings.mlflow_tracking_uri) as reader:
        async with running_service(
            registry=registry or reader,
            shelf=shelf,
            journal=journal,
            spool=spool,
            uploads=uploads,
            metrics=metrics,
        ) as service:
            yield {"service": service}
    log.flush()
