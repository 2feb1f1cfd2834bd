"""The application of the price service: a factory, and a lifespan that opens and closes its resources."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from starlette.applications import Starlette

from carvalue.api import ROUTES
from carvalue.http_security import BrowserProtection, allowed_hosts
from carvalue.journal import EARLIER_OUTBOX_FOLDER, OUTBOX_FOLDER, Journal, Outbox, Quarantine
from carvalue.registry import RegistryReader, open_reader
from carvalue.serving.auth import ClientPseudonyms, RateLimiter, load_key_store, rate_limiter
from carvalue.serving.batch import UploadFolder
from carvalue.serving.canary import CanaryShare
from carvalue.serving.http import docs_routes
from carvalue.serving.middleware import (
    PROBLEM_HANDLERS,
    AccessLog,
    AuthenticationMiddleware,
    ObservabilityMiddleware,
    allow_origins,
    refusal_answer,
)
from carvalue.serving.model import BundleCache, bundles_folder
from carvalue.serving.routes import api_routes
from carvalue.serving.service import running_service
from carvalue.settings import ServiceSettings, load_settings
from carvalue.telemetry import ServiceMetrics, Tracer, open_tracer


def create_app(
    settings: ServiceSettings | None = None,
    *,
    registry: RegistryReader | None = None,
    access_log: TextIO | None = None,
    metrics_folder: Path | None = None,
) -> ObservabilityMiddleware:
    """Build the application. Only the key file is read; the lifespan opens everything else.

    Args:
        settings: settings of the service; read from the environment unless given.
        registry: model registry; the one that the settings name unless given.
        access_log: stream for one line for each request; standard output unless given.
        metrics_folder: where several workers merge their metrics; None for a single worker.

    Returns:
        The ASGI application, with all its middleware.

    Raises:
        InvalidKeyLine: a line of keys cannot be read.
        NoKeys: the service is reachable from other machines, and there is no key.
        ExporterMissing: spans are to be exported, but the packages for it are not installed.
    """
    settings, metrics = settings or load_settings(ServiceSettings), ServiceMetrics(folder=metrics_folder)
    keys = load_key_store(settings)
    log, tracer = AccessLog(access_log or sys.stdout), open_tracer("price-service", settings)
    limits = rate_limiter(
        rate=settings.rate_limit,
        burst=settings.rate_burst,
        redis_url=settings.rate_limit_redis.get_secret_value(),
    )
    app = Starlette(
        routes=[*api_routes(), *docs_routes(version("carvalue"))],
        exception_handlers=PROBLEM_HANDLERS,
        lifespan=partial(
            _lifespan,
            settings=settings,
            registry=registry,
            metrics=metrics,
            log=log,
            limits=limits,
            tracer=tracer,
        ),
    )
    app.router.redirect_slashes = False  # a redirect would build its address from the Host header
    pseudonyms = ClientPseudonyms(settings.state_dir / "service" / "pseudonym-secret")
    authenticated = AuthenticationMiddleware(
        app,
        keys=keys,
        visitor_clients=settings.visitor_client_names,
        pseudonyms=pseudonyms,
        limits=limits,
        metrics=metrics,
    )
    protected = BrowserProtection(
        allow_origins(authenticated, settings.cors_origin_names),
        allowed=allowed_hosts(settings),
        answer=refusal_answer(metrics),
        origins=settings.cors_origin_names,
    )
    names = {path: route.path for route in ROUTES for path in route.paths}
    return ObservabilityMiddleware(protected, metrics=metrics, routes=names, log=log, tracer=tracer)


@asynccontextmanager
async def _lifespan(
    _: Starlette,
    *,
    settings: ServiceSettings,
    registry: RegistryReader | None,
    metrics: ServiceMetrics,
    log: AccessLog,
    limits: RateLimiter,
    tracer: Tracer,
) -> AsyncIterator[Mapping[str, object]]:
    metrics.model_old_after.set(timedelta(days=settings.model_old_days).total_seconds())
    metrics.data_old_after.set(timedelta(days=settings.data_old_days).total_seconds())
    metrics.measure(metrics.disk_free, lambda: shutil.disk_usage(settings.state_dir).free)
    metrics.measure(metrics.disk_size, lambda: shutil.disk_usage(settings.state_dir).total)
    cache = BundleCache(bundles_folder(settings.state_dir))
    limit_bytes = settings.outbox_limit_mb * 2**20 // settings.service_workers
    outbox = Outbox(
        settings.state_dir / "service" / OUTBOX_FOLDER,
        earlier_folder=settings.state_dir / "service" / EARLIER_OUTBOX_FOLDER,
        limit_bytes=limit_bytes,
    )
    journal = Journal(settings.journal_url.get_secret_value())
    uploads = UploadFolder(
        folder=settings.state_dir / "service" / "batches", limit_bytes=settings.batch_limit_mb * 2**20
    )
    with open_reader(settings) as reader:
        async with running_service(
            registry=registry or reader,
            cache=cache,
            canary_cache=BundleCache(settings.state_dir / "service" / "canary"),
            needs_signature=bool(settings.bundle_public_key),
            canary_share=CanaryShare(share=settings.canary_share, clients=settings.canary_client_names),
            journal=journal,
            outbox=outbox,
            quarantine=Quarantine(settings.quarantine_folder),
            uploads=uploads,
            metrics=metrics,
            refuse_unrecorded=settings.on_full_disk == "refuse",
        ) as service:
            yield {"service": service}
    await limits.close()
    log.flush()
    await asyncio.to_thread(tracer.close)  # it sends what is left
