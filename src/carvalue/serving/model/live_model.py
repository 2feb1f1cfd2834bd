"""The model in use: loads the last good bundle at the start, follows the registry, swaps whole versions.

A bundle is taken into use only after its download is complete, its checksums are right and its golden
quotes have the stored prices. An error on the way is logged and counted; the earlier version stays in use.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from threading import Lock
from typing import Literal

from carvalue.errors import AppError
from carvalue.files import BundleCorrupt, BundleUntrusted, FormatUnknown
from carvalue.pricing import PriceModel
from carvalue.pricing.intervals import RangeCorrection
from carvalue.registry import ModelVersion, RegistryReader, RegistryUnavailable
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from carvalue.telemetry import ServiceMetrics

POLL_S = 3
IN_USE_WITHIN_S = 10  # after a promotion: one poll, the download, and loading with its golden prices
RETRY_REFUSED_S = 60  # until a refused version is tried again: the reason may have passed, as a full disk

logger = logging.getLogger(__name__)

RegistryState = Literal["not tried yet", "up", "nothing in production", "down"]


class ModelNotLoaded(AppError):
    """There is no model to quote with."""

    status = 503
    hint = f"Promote a model (`make build` does it); it is in use within {IN_USE_WITHIN_S} seconds."
    problem_type = "urn:problem-type:carvalue:model-not-loaded"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model and its version. A request takes it once, so that no answer mixes two versions.

    Attributes:
        model: the loaded model.
        version: its version in the registry.
    """

    model: PriceModel
    version: ModelVersion


def model_age(loaded: LoadedModel, *, now: datetime) -> Mapping[str, float]:
    """Compute the age of a model and of its newest listing.

    Args:
        loaded: the model.
        now: the present time, with a time zone.

    Returns:
        `age_days`, since the model was trained, and `data_age_days`, since its newest listing was posted:
        days with one decimal place.

    >>> from types import SimpleNamespace
    >>> trained_at = datetime(2021, 5, 9, 12, tzinfo=UTC)
    >>> card = SimpleNamespace(trained_at=trained_at, data_as_of=trained_at.date() - timedelta(days=5))
    >>> loaded = SimpleNamespace(model=SimpleNamespace(card=card))
    >>> model_age(loaded, now=datetime(2021, 5, 21, tzinfo=UTC))
    {'age_days': 11.5, 'data_age_days': 17.0}
    """
    card = loaded.model.card
    seen_until = datetime.combine(card.data_as_of, time_of_day(), tzinfo=UTC)
    return {
        "age_days": round((now - card.trained_at) / timedelta(days=1), 1),
        "data_age_days": round((now - seen_until) / timedelta(days=1), 1),
    }


class LiveModel:
    """The model in use. One thread calls `follow`, one `follow_correction`; any thread may call `current`.

    Args:
        registry: names the version in production and downloads its bundle.
        cache: keeps bundles on disk.
        metrics: shows the version in use, its age, swaps and refusals.
        correction_of: returns how reported sales correct the ranges of a version; None if that is not known
            at the moment.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        *,
        registry: RegistryReader,
        cache: BundleCache,
        metrics: ServiceMetrics,
        correction_of: Callable[[str], RangeCorrection | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._correction_of = correction_of
        self._registry, self._cache, self._metrics, self._clock = registry, cache, metrics, clock
        self._in_use: LoadedModel | None = None
        self._lock = Lock()  # guards a change of the model in use by either of two threads
        self._refused: dict[ModelVersion, float] = {}
        self.registry_state: RegistryState = "not tried yet"
        """What the registry answered last."""
        self.refusal = ""
        """Why the version that was tried last cannot be used, for readers who may not see paths; empty if it
        can."""

    @property
    def has_model(self) -> bool:
        """Whether a model is loaded."""
        return self._in_use is not None

    def current(self) -> LoadedModel:
        """Return the model in use.

        Returns:
            The model and its version.

        Raises:
            ModelNotLoaded: no model was found yet, neither on disk nor in the registry, or none can be used.
        """
        if self._in_use is None:
            raise ModelNotLoaded(
                f"No model can be used: {self.refusal}."
                if self.refusal
                else "There is no model in production yet."
            )
        return self._in_use

    def load_last_good(self) -> None:
        """Take the last good bundle of this machine into use, or else any whole one; needs no network."""
        for bundle in self._cache.bundles():
            self._load(bundle)
            if self.has_model:
                break
        self._refused.clear()  # the registry may have an undamaged copy

    def follow(self) -> None:
        """Poll the registry once, and take a new version in production into use."""
        try:
            version = self._registry.champion()
        except RegistryUnavailable as error:
            self._set_registry_state("down", because=str(error))
            return
        self._set_registry_state("nothing in production" if version is None else "up")
        if version is not None and not self._is_settled(version):
            self._fetch(version)

    def follow_correction(self) -> None:
        """Read once how reported sales correct the price ranges of the version in use."""
        loaded = self._in_use
        correction = self._correction_of(str(loaded.version.version)) if loaded else None
        if loaded is None or correction is None or correction == loaded.model.correction:
            return
        corrected = LoadedModel(model=replace(loaded.model, correction=correction), version=loaded.version)
        with self._lock:
            if self._in_use is not loaded:  # another version went into production meanwhile
                return
            self._in_use = corrected
        logger.info(
            "price ranges corrected",
            extra={
                "version": loaded.version.version,
                "range_level": correction.level,
                "range_log_scale": correction.log_scale,
                "sales": correction.sales,
            },
        )

    def _is_settled(self, version: ModelVersion) -> bool:
        """Whether the version is in use, or was refused a short time ago."""
        if self._in_use is not None and self._in_use.version == version:
            return True
        refused_at = self._refused.get(version)
        return refused_at is not None and self._clock() - refused_at < RETRY_REFUSED_S

    def _fetch(self, version: ModelVersion) -> None:
        folder = self._cache.folder_of(version)
        try:
            with self._cache.lock():  # one worker downloads it for all
                if not folder.is_dir():
                    folder = self._registry.download(version, into=folder)
        except (AppError, OSError) as error:
            self._refuse(version, error)
        else:
            self._load(CachedBundle(version=version, folder=folder))

    def _load(self, bundle: CachedBundle) -> None:
        try:
            model = PriceModel.load(bundle.folder)
        except (AppError, OSError) as error:
            if isinstance(error, BundleCorrupt):  # the next download replaces it
                self._cache.discard(bundle.folder)
            self._refuse(bundle.version, error)
            return
        try:
            self._cache.set_last_good(bundle)
        except OSError as error:  # a full disk is no reason to quote without a model
            logger.warning("last good model not recorded", extra={"because": str(error)})
        self._swap(LoadedModel(model=model, version=bundle.version))

    def _swap(self, new: LoadedModel) -> None:
        with self._lock:
            earlier, self._in_use, self.refusal = self._in_use, new, ""
        gc.freeze()  # a model has a million objects, which no garbage collection needs to visit again
        self._refused.clear()
        seen_until = datetime.combine(new.model.card.data_as_of, time_of_day(), tzinfo=UTC)
        self._metrics.model_version.set(new.version.version)
        self._metrics.model_data_timestamp.set(seen_until.timestamp())
        self._metrics.model_trained_timestamp.set(new.model.card.trained_at.timestamp())
        self._metrics.model_swaps.inc()
        fields = {
            "version": new.version.version,
            "earlier": earlier.version.version if earlier else None,
            "trees": "compiled" if new.model.flat_trees.native else "numpy",  # slower, with the same quotes
        }
        logger.info("model taken into use", extra=fields)

    def _refuse(self, version: ModelVersion, error: Exception) -> None:
        self._refused[version] = self._clock()
        self.refusal = f"version {version.version} cannot be used: {_public_cause(error)}"
        reason = type(error).__name__
        self._metrics.model_refusals.labels(reason).inc()
        logger.error(
            "model refused", extra={"version": version.version, "reason": reason, "error": str(error)}
        )

    def _set_registry_state(self, state: RegistryState, *, because: str = "") -> None:
        self._metrics.registry_up.set(state != "down")
        if state != self.registry_state:
            level = logging.WARNING if state == "down" else logging.INFO
            logger.log(level, "model registry", extra={"state": state, "because": because})
        self.registry_state = state


def _public_cause(error: Exception) -> str:
    if isinstance(error, FormatUnknown):
        return error.cause
    if isinstance(error, BundleUntrusted):
        return "its bundle is not signed with the expected key"
    if isinstance(error, BundleCorrupt):
        return "its bundle is damaged"
    return "the log of the price service shows the reason"


async def follow_forever(follow: Callable[[], None]) -> None:
    """Look again and again until cancelled, in a thread: a slow registry or journal delays no quote.

    Args:
        follow: looks once, and changes the model if need be.
    """
    while True:
        try:
            await asyncio.to_thread(follow)
        except Exception:  # the next round may succeed
            logger.exception("the model in use could not be updated")
        await asyncio.sleep(POLL_S)
