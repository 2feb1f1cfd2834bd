"""Holds the model in production: boots from the last good bundle, follows the registry, swaps whole versions.

A bundle is taken into use only after it was downloaded aside, its checksums agreed and its golden prices came
out again. Whatever goes wrong on that way is logged and counted, and the earlier version stays in use.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Literal

from carvalue.errors import AppError
from carvalue.pricing import PriceModel
from carvalue.registry import ModelRegistry, ModelVersion, RegistryUnavailable
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from carvalue.telemetry import ServiceMetrics

POLL_S = 3  # a promotion is in use within 10 s, download and golden prices included
RETRY_REFUSED_S = (
    60  # a bundle may be refused for a passing reason (full disk); asking more often only fills logs
)

logger = logging.getLogger(__name__)

RegistryState = Literal["not asked yet", "up", "nothing in production", "down"]


class ModelNotLoaded(AppError):
    """There is nothing to quote with."""

    status, hint = 503, "Promote a model (`make build` does it); it is in use within 10 seconds."
    problem_type = "urn:problem-type:carvalue:model-not-loaded"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model and the version it is: taken once per request, so that no answer mixes two versions."""

    model: PriceModel
    version: ModelVersion


def model_age(in_use: LoadedModel, *, now: datetime) -> Mapping[str, float]:
    """Tell how old a version and its newest listing are, in days."""
    card = in_use.model.card
    seen_until = datetime.combine(card.data_as_of, time_of_day(), tzinfo=UTC)
    return {
        "age_days": round((now - card.trained_at) / timedelta(days=1), 1),
        "data_age_days": round((now - seen_until) / timedelta(days=1), 1),
    }


class LiveModel:
    """The model in use. One thread follows; any number of readers call `in_use`."""

    def __init__(
        self,
        *,
        registry: ModelRegistry,
        shelf: BundleCache,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry, self._shelf, self._metrics, self._clock = registry, shelf, metrics, clock
        self._in_use: LoadedModel | None = None
        self._refused: dict[ModelVersion, float] = {}
        self.registry_state: RegistryState = "not asked yet"

    @property
    def has_model(self) -> bool:
        """Whether quotes can be answered."""
        return self._in_use is not None

    def in_use(self) -> LoadedModel:
        """Give the model in use.

        Raises:
            ModelNotLoaded: none was ever found, neither on disk nor in the registry.
        """
        if self._in_use is None:
            raise ModelNotLoaded("There is no model in production yet.")
        return self._in_use

    def boot(self) -> None:
        """Take the last good bundle of this machine into use, if there is one; needs no network."""
        shelved = self._shelf.last_good()
        if shelved is not None:
            self._take(shelved)
            self._refused.clear()  # what this disk spoilt, the registry may still have whole

    def follow(self) -> None:
        """Ask the registry once, and take a new version in production into use."""
        try:
            version = self._registry.latest()
        except RegistryUnavailable as error:
            self._note("down", because=str(error))
            return
        self._note("nothing in production" if version is None else "up")
        if version is not None and not self._is_known(version):
            self._fetch(version)

    def _is_known(self, version: ModelVersion) -> bool:
        if self._in_use is not None and self._in_use.version == version:
            return True
        refused_at = self._refused.get(version)
        return refused_at is not None and self._clock() - refused_at < RETRY_REFUSED_S

    def _fetch(self, version: ModelVersion) -> None:
        folder = self._shelf.place(version)
        try:
            with self._shelf.alone():  # one worker fetches it for all
                if not folder.is_dir():
                    folder = self._registry.download(version, into=folder)
        except (AppError, OSError) as error:
            self._refuse(version, error)
        else:
            self._take(CachedBundle(version=version, folder=folder))

    def _take(self, shelved: CachedBundle) -> None:
        try:
            model = PriceModel.load(shelved.folder)
            self._shelf.keep(shelved)
        except (AppError, OSError) as error:
            self._shelf.discard(shelved.folder)
            self._refuse(shelved.version, error)
        else:
            self._swap(LoadedModel(model=model, version=shelved.version))

    def _swap(self, fresh: LoadedModel) -> None:
        earlier, self._in_use = self._in_use, fresh
        gc.freeze()  # the tables of a model are a million objects that no collection needs to walk over again
        self._refused.clear()
        seen_until = datetime.combine(fresh.model.card.data_as_of, time_of_day(), tzinfo=UTC)
        self._metrics.model_version.set(fresh.version.version)
        self._metrics.model_data_timestamp.set(seen_until.timestamp())
        self._metrics.model_trained_timestamp.set(fresh.model.card.trained_at.timestamp())
        self._metrics.model_swaps.inc()
        told = {
            "version": fresh.version.version,
            "earlier": earlier.version.version if earlier else None,
            "walk": "compiled" if fresh.model.flat_trees.native else "numpy",  # the slower one, same quotes
        }
        logger.info("model taken into use", extra=told)

    def _refuse(self, version: ModelVersion, error: Exception) -> None:
        self._refused[version] = self._clock()
        reason = type(error).__name__
        self._metrics.model_refusals.labels(reason).inc()
        logger.error(
            "model refused", extra={"version": version.version, "reason": reason, "error": str(error)}
        )

    def _note(self, state: RegistryState, *, because: str = "") -> None:
        self._metrics.registry_up.set(state != "down")
        if state != self.registry_state:
            level = logging.WARNING if state == "down" else logging.INFO
            logger.log(level, "model registry", extra={"state": state, "because": because})
        self.registry_state = state


async def follow_forever(live: LiveModel) -> None:
    """Follow the registry until cancelled, in a thread: a slow registry must not hold up a quote."""
    while True:
        try:
            await asyncio.to_thread(live.follow)
        except Exception:  # one bad round must not end the following; the next one may find the cause gone
            logger.exception("following the registry failed")
        await asyncio.sleep(POLL_S)
