"""The service's parts, put together: what lives from start to stop, and what a route may reach."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from carvalue.monitoring.metrics import ServiceMetrics
from carvalue.serving.live_model import LiveModel, Registry, keep_following
from carvalue.serving.quotes import Quoting
from carvalue.serving.shelf import Shelf


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that routes use."""

    live: LiveModel
    quoting: Quoting
    metrics: ServiceMetrics

    def down(self) -> Mapping[str, str]:
        """Name what keeps the service from quoting, with the reason; empty when it can."""
        return {} if self.live.has_model else {"model": "nothing in production yet"}

    def degraded(self) -> Mapping[str, str]:
        """Name what is amiss while quotes are still answered."""
        state = self.live.registry_state
        return {"registry": state} if state in {"down", "nothing in production"} else {}


@asynccontextmanager
async def running_service(
    *, registry: Registry, shelf: Shelf, metrics: ServiceMetrics
) -> AsyncIterator[Service]:
    """Start the parts, give them, stop them."""
    live = LiveModel(registry=registry, shelf=shelf, metrics=metrics)
    await asyncio.to_thread(live.boot)
    following = asyncio.create_task(keep_following(live))
    try:
        yield Service(live=live, quoting=Quoting(live=live, metrics=metrics), metrics=metrics)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
