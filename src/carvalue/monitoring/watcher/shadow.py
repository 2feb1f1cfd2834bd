"""Shadow scoring: a challenger quotes the listings of live traffic again, and both prices are stored.

It reads the journal, so it compares live traffic without any work for the price service.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from carvalue.errors import AppError
from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.journal import Journal, JournalCursor, JournalEntry, LeasedState
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.watcher import SETTLING_TIME
from carvalue.pricing import PriceModel
from carvalue.registry import ModelVersion, RegistryReader

BATCH = 1_000  # quotes in one step, some tens of milliseconds
# bytes, some 500,000 pairs; then a new file is started, and the previous one is kept
MAX_FILE_BYTES = 64 * 2**20

logger = logging.getLogger(__name__)


class ShadowScorer:
    """Quotes with the version that has the alias `challenger`. Not thread-safe.

    Args:
        journal: Where the quotes of production are.
        state: The position in the journal, which one instance at a time may write.
        registry: Where the challenger is.
        folder: The folder of the pairs of prices (NDJSON) and of the challenger's bundle.
        metrics: The metrics to update.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        state: LeasedState,
        registry: RegistryReader,
        folder: Path,
        metrics: WatcherMetrics,
    ) -> None:
        self._journal, self._state, self._registry = journal, state, registry
        self._folder, self._metrics = folder, metrics
        self._version: ModelVersion | None = None
        self._model: PriceModel | None = None
        self._cursor = JournalCursor()

    def step(self, *, now: datetime) -> int:
        """Quote the listings that were quoted since the last step.

        Args:
            now: The current time, with a time zone.

        Returns:
            The number of quotes that were read.

        Raises:
            RegistryUnavailable: The registry does not answer; the next step tries again.
            JournalUnavailable: The journal does not answer; the next step tries again.
            BundleCorrupt: A file of the challenger's bundle is damaged.
            BundleIncompatible: The challenger's bundle has another format.
            LeaseLost: Another instance has taken over.
        """
        if not self._state.acquire(now):
            self._version = self._model = None
            return 0
        self._follow_alias()
        if self._model is None:
            return 0
        arrivals = self._journal.arrived(self._cursor, until=now - SETTLING_TIME, limit=BATCH)
        if arrivals.entries:
            self._compare([entry for entry in arrivals.entries if entry.model_version != self._number])
            self._move_to(arrivals.cursor)
        return len(arrivals.entries)

    def close(self) -> None:
        """Let another instance take over, and close the journal."""
        with suppress(AppError):
            self._state.release()
        self._journal.close()

    @property
    def _number(self) -> str:
        return str(self._version.version) if self._version else "0"

    def _follow_alias(self) -> None:
        """Change to another challenger, or to none. It starts with the quotes from now on."""
        challenger = self._registry.challenger()
        if challenger == self._version:
            return
        self._version = self._model = None
        self._metrics.shadow_version.set(0)
        if challenger is not None:
            self._load(challenger)
            saved = self._state.read()
            is_same = saved.get("challenger") == self._number  # quotes of a downtime are compared afterwards
            self._move_to(JournalCursor(**saved["cursor"]) if is_same else self._journal.end())
        self._metrics.shadow_version.set(int(self._number))
        logger.info("challenger", extra={"version": int(self._number)})

    def _move_to(self, cursor: JournalCursor) -> None:
        self._cursor = cursor
        self._state.write({"challenger": self._number, "cursor": asdict(cursor)})

    def _load(self, challenger: ModelVersion) -> None:
        into = self._folder / "challenger"
        shutil.rmtree(into, ignore_errors=True)
        try:
            self._model = PriceModel.load(self._registry.download(challenger, into=into))
        except (BundleCorrupt, BundleIncompatible):
            self._version = challenger  # it would fail again: do not download it every few seconds
            raise
        self._version = challenger

    def _compare(self, entries: Sequence[JournalEntry]) -> None:
        if self._model is None:
            return
        quotes = self._model.quote_many([entry.listing for entry in entries])
        prices = [quote.price for quote in quotes]
        self._write(entries, prices)
        for entry, price in zip(entries, prices, strict=True):
            self._metrics.shadow_difference.observe(price / entry.price - 1)

    def _write(self, entries: Sequence[JournalEntry], prices: Sequence[int]) -> None:
        file = self._folder / f"{self._number}.ndjson"
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size > MAX_FILE_BYTES:
            file.replace(file.with_suffix(".earlier.ndjson"))
        with file.open("a") as pairs:
            pairs.writelines(map(self._line, entries, prices))

    def _line(self, entry: JournalEntry, price: int) -> str:
        production = {"quote_id": entry.quote_id, "version": entry.model_version, "price": entry.price}
        return json.dumps(production | {"challenger": self._number, "challenger_price": price}) + "\n"
