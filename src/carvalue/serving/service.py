"""The service's parts, put together: what lives from start to stop, and what a route may reach."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from carvalue.journal.forwarder import Replay, keep_passing_on
from carvalue.journal.outbox import Spool
from carvalue.journal.store import Journal
from carvalue.journal.writer import Recorder, Trouble
from carvalue.registry.model_version import Registry
from carvalue.serving.batch.batches import Batches
from carvalue.serving.batch.upload import Uploads
from carvalue.serving.model.bundle_cache import Shelf
from carvalue.serving.model.live_model import LiveModel, keep_following
from carvalue.serving.quotes import Quoting
from carvalue.telemetry.metrics import ServiceMetrics

REMEASURE_S = 1  # more often than Prometheus asks
DEGRADED: Mapping[Trouble, str] = {
    "spool full": "full: quotes are answered, not kept",
    "disk": "the local disk takes nothing: quotes are kept only where the journal takes them at once",
}
LAST_PASS_S = 3  # what the journal lacks then waits on disk for the next start


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that routes use."""

    live: LiveModel
    quoting: Quoting
    batches: Batches
    journal: Journal
    replay: Replay
    recorder: Recorder
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
    registry: Registry,
    shelf: Shelf,
    journal: Journal,
    spool: Spool,
    uploads: Uploads,
    metrics: ServiceMetrics,
) -> AsyncIterator[Service]:
    """Start the parts, give them, stop them."""
    live = LiveModel(registry=registry, shelf=shelf, metrics=metrics)
    await asyncio.to_thread(live.boot)
    async with (
        _recording(journal=journal, spool=spool, metrics=metrics) as (recorder, replay),
        _in_background(keep_following(live)),
        _in_background(_keep_remeasuring(metrics)),
    ):
        yield Service(
            live=live,
            quoting=Quoting(live=live, recorder=recorder, metrics=metrics),
            batches=Batches(live=live, recorder=recorder, spool=spool, metrics=metrics, uploads=uploads),
            journal=journal,
            replay=replay,
            recorder=recorder,
            metrics=metrics,
        )


@asynccontextmanager
async def _recording(
    *, journal: Journal, spool: Spool, metrics: ServiceMetrics
) -> AsyncIterator[tuple[Recorder, Replay]]:
    recorder = Recorder(spool=spool, journal=journal, metrics=metrics)
    replay = Replay(spool=spool, journal=journal, metrics=metrics)
    try:
        async with _in_background(keep_passing_on(replay)):
            yield recorder, replay
    finally:
        recorder.close()
        await asyncio.to_thread(replay.pass_on, within_s=LAST_PASS_S)
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
