"""Serve a share of the requests with a canary, and stop it by itself.

The log of decisions says whether a canary runs. Each process compares the canary's quotes with those of
production. A process that finds a breach stops at once and records the decision, which the others follow.
"""

import gc
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from zlib import crc32

from carvalue.api import Quote
from carvalue.errors import AppError
from carvalue.journal import DecisionLog, DecisionRecord, JournalUnavailable
from carvalue.listings import Listing
from carvalue.pricing import PriceModel
from carvalue.registry import RegistryReader, RegistryUnavailable
from carvalue.serving.canary.comparison import Breach, CanaryComparison
from carvalue.serving.model import BundleCache, LiveModel, LoadedModel
from carvalue.telemetry import ServiceMetrics

SLOTS = 10_000  # of the hash that divides requests

AnswerT = TypeVar("AnswerT")
QuoteWith = Callable[[Sequence[Listing], LoadedModel], list[Quote]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CanaryShare:
    """Which requests a canary answers.

    Attributes:
        share: About the share of the requests, from 0 to 1.
        clients: The clients whose requests it answers all, by the names of their keys.

    >>> CanaryShare(share=0.0, clients=frozenset({"shop"})).includes("shop", {"manufacturer": "kia"})
    True
    """

    share: float
    clients: frozenset[str] = frozenset()

    def includes(self, client: str, listing: Listing) -> bool:
        """Decide by the car, so that all prices of a car come from one version, in every replica.

        Args:
            client: The client, as the journal names it.
            listing: The car, or the first one of a list.

        Returns:
            Whether the canary answers.
        """
        if client.partition("/")[0] in self.clients:  # page/~... is a visitor of the client page
            return True
        family = str(listing.get("model")).partition(" ")[0]
        key = f"{listing.get('manufacturer')} {family} {listing.get('year')}"
        return crc32(key.encode()) % SLOTS < self.share * SLOTS


class Canary:
    """The version beside production, if there is one. One thread calls `follow`; requests call the others.

    Args:
        live: The version in production.
        registry: Downloads the bundle of the challenger.
        decisions: Says whether a canary runs.
        cache: Keeps the bundle on disk.
        share: Which requests the canary answers.
        needs_signature: Whether bundles must be signed. The canary's bundle comes from MLflow without a
            signature, so none is served then.
        metrics: Shows the version, its prices and why it was stopped.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        *,
        live: LiveModel,
        registry: RegistryReader,
        decisions: DecisionLog,
        cache: BundleCache,
        share: CanaryShare,
        metrics: ServiceMetrics,
        needs_signature: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._live, self._registry, self._decisions, self._cache = live, registry, decisions, cache
        self._share, self._metrics, self._clock = share, metrics, clock
        self._needs_signature = needs_signature
        self._loaded: LoadedModel | None = None
        self._start: DecisionRecord | None = None
        self._stopped: set[int] = set()
        self._unrecorded: tuple[DecisionRecord, Breach] | None = None
        self._comparison = CanaryComparison()

    def model_for(self, client: str, *listings: Listing) -> LoadedModel:
        """Choose the model that answers a request.

        Args:
            client: The client, as the journal names it.
            listings: The cars; the first one of a list decides for all.

        Returns:
            The canary, or the version in production.

        Raises:
            ModelNotLoaded: There is no model in production.
        """
        canary, production = self._loaded, self._live.current()
        if canary is None or not listings:
            return production
        return canary if self._share.includes(client, listings[0]) else production

    def is_canary(self, model: LoadedModel) -> bool:
        """Tell whether a model is the canary.

        Args:
            model: A model that `model_for` returned.

        Returns:
            Whether it is; False also after the canary was stopped.
        """
        return model is self._loaded

    def quote(self, listings: Sequence[Listing], model: LoadedModel, quote_with: QuoteWith) -> list[Quote]:
        """Quote listings with the canary, and compare with production, which answers if the canary fails.

        Args:
            listings: The listings.
            model: The canary.
            quote_with: Quotes listings with a model.

        Returns:
            The quotes.
        """
        try:
            return self.compared(listings, model, quote_with)
        except Exception as error:  # a stranger's request must not fail because of a trial
            instead = quote_with(listings, self._live.current())
            self._note_error(error)  # only now: what fails with both is not the canary's fault
            return instead

    def compared(self, listings: Sequence[Listing], model: LoadedModel, quote_with: QuoteWith) -> list[Quote]:
        """Quote listings with the canary, and compare with production.

        Args:
            listings: The listings.
            model: The canary.
            quote_with: Quotes listings with a model.

        Returns:
            The quotes.
        """
        began = self._clock()
        quotes = quote_with(listings, model)
        between = self._clock()
        others = self._live.current().model.quote_many(listings)
        self._comparison.add(
            prices=[quote.price for quote in quotes],
            production=[quote.price for quote in others],
            seconds=between - began,
            production_seconds=self._clock() - between,
        )
        self._metrics.canary_price_ratio.set(self._comparison.price_ratio)
        self._stop_on_breach()
        return quotes

    async def answer(
        self, client: str, listing: Listing, work: Callable[[LoadedModel], Awaitable[AnswerT]]
    ) -> AnswerT:
        """Answer a request with the model that is chosen for it; production answers if the canary fails.

        Args:
            client: The client, as the journal names it.
            listing: The car.
            work: Answers with a model.

        Returns:
            What `work` returned.

        Raises:
            ModelNotLoaded: There is no model in production.
        """
        model = self.model_for(client, listing)
        try:
            return await work(model)
        except AppError:
            raise
        except Exception as error:
            if not self.is_canary(model):
                raise
            instead = await work(self._live.current())
            self._note_error(error)
            return instead

    def follow(self) -> None:
        """Record an own stop, then load or drop the canary as the log of decisions says."""
        try:
            self._record_stop()
            start = self._decisions.canary_start()
            if start is not None and start.number in self._stopped:
                start = None
            if (start and start.number) != (self._start and self._start.number):
                self._change_to(start)
        except (JournalUnavailable, RegistryUnavailable) as error:
            logger.warning("canary unchanged", extra={"because": error.message})

    def _change_to(self, start: DecisionRecord | None) -> None:
        if start is None:
            self._drop()
            return
        if self._needs_signature:
            self._start = start
            self._stop(Breach("load", "BUNDLE_PUBLIC_KEY asks for signatures, and its bundle has none."))
            return
        version = self._registry.challenger()
        if version is None or version.version != start.version:
            return  # the alias has not moved yet
        try:
            folder = self._cache.folder_of(version)
            with self._cache.lock():
                self._cache.keep_only(folder)
                if not folder.is_dir():
                    self._registry.download(version, into=folder)
            model = PriceModel.load(folder)
        except RegistryUnavailable:
            raise
        except (AppError, OSError) as error:
            self._cache.discard(self._cache.folder_of(version))  # the next trial downloads it again
            self._start = start
            self._stop(Breach("load", f"Its bundle cannot be loaded: {type(error).__name__}."))
            return
        self._comparison, self._start = CanaryComparison(), start
        self._loaded = LoadedModel(model=model, version=version)
        gc.freeze()  # as for the version in production
        self._metrics.canary_version.set(version.version)
        logger.info("canary started", extra={"version": version.version})

    def _note_error(self, error: Exception) -> None:
        logger.error("canary failed, production answers", exc_info=error)
        self._comparison.add_error(error)
        self._stop_on_breach()

    def _stop_on_breach(self) -> None:
        if self._loaded is not None and (breach := self._comparison.breach()):
            self._stop(breach)

    def _stop(self, breach: Breach) -> None:
        """Stop the canary in this process; `follow` records the decision for the others."""
        if self._start is None:
            return
        self._unrecorded = (self._start, breach)
        self._stopped.add(self._start.number)
        self._metrics.canary_stops.labels(breach.reason).inc()
        logger.error("canary stopped", extra={"version": self._start.version, "because": breach.text})
        self._drop()

    def _drop(self) -> None:
        self._loaded = self._start = None
        self._metrics.canary_version.set(0)
        self._metrics.canary_price_ratio.set(0)

    def _record_stop(self) -> None:
        if self._unrecorded is None:
            return
        start, breach = self._unrecorded
        running = self._decisions.canary_start()
        if running is not None and running.number == start.number:
            self._decisions.append(_stop_decision(start, breach), after=self._decisions.last_number())
            return  # the next round sees whether it was stored
        self._unrecorded = None


def _stop_decision(start: DecisionRecord, breach: Breach) -> DecisionRecord:
    now = datetime.now(UTC)
    return DecisionRecord(
        at=now,
        act="canary stopped",
        version=start.version,
        earlier=start.earlier,
        by="price service",
        reasons=(breach.text,),
        key=f"canary-stopped-{start.number}",  # the first process that stops it records why
        applied_at=now,
    )
