"""The parts of a running service: build them at the start, hand them to the routes, close them at the end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from carvalue.journal import (
    DecisionLog,
    Forwarder,
    Journal,
    JournalWriter,
    Outbox,
    OutboxState,
    Quarantine,
    forward_forever,
)
from carvalue.registry import NOTHING_YET, RegistryReader
from carvalue.serving.batch import BatchPricer, UploadFolder
from carvalue.serving.canary import Canary, CanaryShare
from carvalue.serving.model import BundleCache, LiveModel, follow_forever, stored_correction
from carvalue.serving.quotes import QuoteService
from carvalue.telemetry import ServiceMetrics

REMEASURE_S = 1  # more often than Prometheus scrapes
DEGRADED: Mapping[OutboxState, str] = {
    "outbox full": "full: quotes are answered, not kept",
    "disk": "the local disk cannot be written: quotes are kept only while the journal takes them at once",
}
MAX_LAG_S = 60  # an older quote that is not in the journal is reported
LAST_FORWARD_S = 3  # entries that the journal then lacks stay on disk until the next start

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """Everything that routes use.

    Attributes:
        live: the model in use.
        canary: the version that answers a share of the requests.
        quotes: quotes listings.
        batches: prices uploaded files.
        journal: stores feedback.
        forwarder: forwards recorded quotes to the journal.
        writer: records quotes on the local disk.
        outbox: keeps recorded quotes until the journal has them.
        metrics: the metrics of the service.
    """

    live: LiveModel
    canary: Canary
    quotes: QuoteService
    batches: BatchPricer
    journal: Journal
    forwarder: Forwarder
    writer: JournalWriter
    outbox: Outbox
    metrics: ServiceMetrics

    def down(self) -> Mapping[str, str]:
        """List what keeps the service from quoting.

        Returns:
            Name of the part -> reason; empty if the service can quote.
        """
        return {} if self.live.has_model else {"model": self.live.refusal or NOTHING_YET}

    def degraded(self) -> Mapping[str, str]:
        """List what does not work while quotes are still answered.

        Returns:
            Name of the part -> its state; empty if everything works.
        """
        problems: dict[str, str] = {}
        if self.live.registry_state in {"down", "nothing in production"}:
            problems["registry"] = self.live.registry_state
        if self.forwarder.journal_state == "down":
            problems["journal"] = "down"
        elif (lag_s := self.forwarder.lag_s()) > MAX_LAG_S:
            problems["journal"] = f"behind: the oldest quote has waited {lag_s:,.0f} s"
        if self.writer.trouble:
            problems["outbox"] = DEGRADED[self.writer.trouble]
        elif self.outbox.newer_segments:
            problems["outbox"] = (
                f"{self.outbox.newer_segments} files wait for the newer release that wrote them"
            )
        if self.forwarder.quarantined_records:
            problems["quarantine"] = (
                f"{self.forwarder.quarantined_records:,} records could not be stored; "
                "`carvalue quarantine list` shows why"
            )
        return problems


@asynccontextmanager
async def running_service(
    *,
    registry: RegistryReader,
    cache: BundleCache,
    canary_cache: BundleCache,
    canary_share: CanaryShare,
    needs_signature: bool,
    journal: Journal,
    outbox: Outbox,
    quarantine: Quarantine,
    uploads: UploadFolder,
    metrics: ServiceMetrics,
    refuse_unrecorded: bool,
) -> AsyncIterator[ServiceState]:
    """Start the parts of the service, and stop them at the end of the block.

    Args:
        registry: names the model version in production.
        cache: keeps model bundles on disk.
        canary_cache: keeps the bundle of the canary on disk.
        canary_share: which requests a canary answers.
        needs_signature: whether bundles must be signed, so that there are no canaries.
        journal: stores quotes and feedback; closed at the end.
        outbox: keeps quotes on disk until the journal has them; closed at the end.
        quarantine: keeps recorded quotes that the journal cannot store.
        uploads: keeps uploaded files while they are priced.
        metrics: the metrics of the service.
        refuse_unrecorded: whether quotes that cannot be recorded are refused.

    Yields:
        The parts that routes use.
    """
    live = LiveModel(
        registry=registry, cache=cache, metrics=metrics, correction_of=partial(stored_correction, journal)
    )
    canary = Canary(
        live=live,
        registry=registry,
        decisions=DecisionLog(journal),
        cache=canary_cache,
        share=canary_share,
        needs_signature=needs_signature,
        metrics=metrics,
    )
    await asyncio.to_thread(live.load_last_good)
    async with (
        _journaling(journal=journal, outbox=outbox, quarantine=quarantine, metrics=metrics) as (
            writer,
            forwarder,
        ),
        _in_background(follow_forever(live.follow)),
        _in_background(follow_forever(live.follow_correction)),
        _in_background(follow_forever(canary.follow)),
        _in_background(_keep_remeasuring(metrics)),
    ):
        yield ServiceState(
            live=live,
            canary=canary,
            quotes=QuoteService(
                live=live, canary=canary, writer=writer, metrics=metrics, refuse_unrecorded=refuse_unrecorded
            ),
            batches=BatchPricer(
                live=live,
                writer=writer,
                outbox=outbox,
                metrics=metrics,
                uploads=uploads,
                refuse_unrecorded=refuse_unrecorded,
            ),
            journal=journal,
            forwarder=forwarder,
            writer=writer,
            outbox=outbox,
            metrics=metrics,
        )


@asynccontextmanager
async def _journaling(
    *, journal: Journal, outbox: Outbox, quarantine: Quarantine, metrics: ServiceMetrics
) -> AsyncIterator[tuple[JournalWriter, Forwarder]]:
    writer = JournalWriter(outbox=outbox, journal=journal, metrics=metrics)
    forwarder = Forwarder(outbox=outbox, journal=journal, quarantine=quarantine, metrics=metrics)
    try:
        async with _in_background(forward_forever(forwarder)):
            yield writer, forwarder
    finally:
        writer.close()
        await asyncio.to_thread(forwarder.forward, within_s=LAST_FORWARD_S)
        outbox.close()
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
