"""The service's parts, put together: what lives from start to stop, and what a route may reach."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from carvalue.journal import Forwarder, Journal, JournalWriter, Outbox, OutboxState, forward_forever
from carvalue.registry import ModelRegistry
from carvalue.serving.batch import BatchPricer, UploadFolder
from carvalue.serving.model import BundleCache, LiveModel, follow_forever
from carvalue.serving.quotes import QuoteService
from carvalue.telemetry import ServiceMetrics

REMEASURE_S = 1  # more often than Prometheus asks
DEGRADED: Mapping[OutboxState, str] = {
    "spool full": "full: quotes are answered, not kept",
    "disk": "the local disk takes nothing: quotes are kept only where the journal takes them at once",
}
LAST_PASS_S = 3  # what the journal lacks then waits on disk for the next start


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """Everything that routes use."""

    live: LiveModel
    quoting: QuoteService
    batches: BatchPricer
    journal: Journal
    replay: Forwarder
    recorder: JournalWriter
    metrics: ServiceMetrics

    def down(self) -> Mapping[str, str]:
        """Name what keeps the service from quoting, with the reason; empty when it can."""
        return {} if self.live.has_model else {"model": "nothing in production yet"}

    def degraded(self) -> Mapping[str, str]:
        """Name what is amiss while quotes are still answered."""
        amiss: dict[str, str] = {}
        if self.live.registry_state in {"down", "nothing in production"}:
            amiss["registry"] = self.live.registry_state
        if self.replay.journal_state == "down":
            amiss["journal"] = "down"
        if self.recorder.trouble:
            amiss["spool"] = DEGRADED[self.recorder.trouble]
        return amiss


@asynccontextmanager
async def running_service(
    *,
    registry: ModelRegistry,
    shelf: BundleCache,
    journal: Journal,
    spool: Outbox,
    uploads: UploadFolder,
    metrics: ServiceMetrics,
) -> AsyncIterator[ServiceState]:
    """Start the parts, give them, stop them."""
    live = LiveModel(registry=registry, shelf=shelf, metrics=metrics)
    await asyncio.to_thread(live.boot)
    async with (
        _recording(journal=journal, spool=spool, metrics=metrics) as (recorder, replay),
        _in_background(follow_forever(live)),
        _in_background(_keep_remeasuring(metrics)),
    ):
        yield ServiceState(
            live=live,
            quoting=QuoteService(live=live, recorder=recorder, metrics=metrics),
            batches=BatchPricer(live=live, recorder=recorder, spool=spool, metrics=metrics, uploads=uploads),
            journal=journal,
            replay=replay,
            recorder=recorder,
            metrics=metrics,
        )


@asynccontextmanager
async def _recording(
    *, journal: Journal, spool: Outbox, metrics: ServiceMetrics
) -> AsyncIterator[tuple[JournalWriter, Forwarder]]:
    recorder = JournalWriter(spool=spool, journal=journal, metrics=metrics)
    replay = Forwarder(spool=spool, journal=journal, metrics=metrics)
    try:
        async with _in_background(forward_forever(replay)):
            yield recorder, replay
    finally:
        recorder.close()
        await asyncio.to_thread(replay.forward, within_s=LAST_PASS_S)
        spool.close()
        journal.close()


async def _keep_remeasuring(metrics: ServiceMetrics) -> None:
    while True:
        metrics.remeasure()
        await asyncio.sleep(REMEASURE_S)


@asynccontextmanager
async def _in_background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
