"""A challenger beside production: quotes again what was quoted, and keeps both prices; nobody waits for it.

It reads the journal, as the rest of the watcher does, so that live traffic is compared and the price service
has no more to do.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.journal import Journal, JournalEntry, first_id_at
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.watcher import SETTLED
from carvalue.pricing import PriceModel
from carvalue.registry import CHALLENGER, ModelRegistry, ModelVersion

BATCH = 1_000  # quotes at once: some tens of milliseconds
# Bytes, some 500,000 pairs; then another file is begun, and the one before is kept.
LARGEST_FILE = 64 * 2**20

logger = logging.getLogger(__name__)


class ShadowScorer:
    """Follows the alias `challenger`. One thread steps."""

    def __init__(
        self, *, journal: Journal, registry: ModelRegistry, folder: Path, metrics: WatcherMetrics
    ) -> None:
        self._journal, self._registry, self._folder, self._metrics = journal, registry, folder, metrics
        self._version: ModelVersion | None = None
        self._model: PriceModel | None = None
        self._read_up_to = ""

    def step(self, *, now: datetime) -> int:
        """Quote with the challenger what was quoted since the last step; tell how many quotes were read.

        Raises:
            RegistryUnavailable, JournalUnavailable: to be tried again; nothing is left out.
            BundleCorrupt, BundleIncompatible: the challenger cannot be used.
        """
        self._follow(now)
        if self._model is None:
            return 0
        entries = self._journal.after(self._read_up_to, until=now - SETTLED, limit=BATCH)
        if entries:
            self._compare([entry for entry in entries if entry.model_version != self._number])
            self._read_up_to = entries[-1].quote_id
        return len(entries)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    @property
    def _number(self) -> str:
        return str(self._version.version) if self._version else "0"

    def _follow(self, now: datetime) -> None:
        """Take another challenger, from now on, or none."""
        wanted = self._registry.latest(alias=CHALLENGER)
        if wanted == self._version:
            return
        self._version = self._model = None
        self._metrics.shadow_version.set(0)
        if wanted is not None:
            self._take(wanted)
            self._read_up_to = first_id_at(now)
        self._metrics.shadow_version.set(int(self._number))
        logger.info("challenger", extra={"version": int(self._number)})

    def _take(self, wanted: ModelVersion) -> None:
        into = self._folder / "challenger"
        shutil.rmtree(into, ignore_errors=True)
        try:
            self._model = PriceModel.load(self._registry.download(wanted, into=into))
        except (BundleCorrupt, BundleIncompatible):
            self._version = wanted  # it would fail again: said once, and not fetched again every few seconds
            raise
        self._version = wanted

    def _compare(self, entries: Sequence[JournalEntry]) -> None:
        if self._model is None:
            return
        quotes = self._model.quote_many([entry.listing for entry in entries])
        prices = [quote.price for quote in quotes]
        self._keep(entries, prices)
        for entry, price in zip(entries, prices, strict=True):
            self._metrics.shadow_difference.observe(price / entry.price - 1)

    def _keep(self, entries: Sequence[JournalEntry], prices: Sequence[int]) -> None:
        file = self._folder / f"{self._number}.ndjson"
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > LARGEST_FILE:
            file.replace(file.with_suffix(".earlier.ndjson"))
        with file.open("a") as pairs:
            pairs.writelines(map(self._line, entries, prices))

    def _line(self, entry: JournalEntry, price: int) -> str:
        said = {"quote_id": entry.quote_id, "version": entry.model_version, "price": entry.price}
        return json.dumps(said | {"challenger": self._number, "challenger_price": price}) + "\n"
