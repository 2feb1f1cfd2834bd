"""`POST /predict/batch`: a file of any length in, a priced row for each row back, within bounded memory.

The upload goes to disk and is read by a process of its own; then rows are priced, recorded and sent piece by
piece, all by one model. A body that cannot be read is refused before anything is answered.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from carvalue.errors import AppError
from carvalue.files.tabular import PARSE_ERROR, open_table
from carvalue.journal import JournalEntry, JournalWriter, Outbox
from carvalue.pricing import LISTING_COLUMNS, SCORED_SCHEMA, parse_rows, price_rows
from carvalue.serving.batch.formats import RowWriter, answer_format, request_format
from carvalue.serving.batch.upload import UploadFolder
from carvalue.serving.counting import count_quotes
from carvalue.serving.model import LiveModel, LoadedModel
from carvalue.serving.quotes import CURRENCY, new_quote_id
from carvalue.telemetry import ServiceMetrics

ROWS = 4_096  # a third of a second of work; larger pieces gain a tenth
JOURNAL_S = 60  # how long a batch waits for a journal that is behind
TAKING_S = 60  # how long a client may take for one piece

ANSWER_COLUMNS = pl.Schema(
    {
        "price": SCORED_SCHEMA["price"],
        "low": SCORED_SCHEMA["low"],
        "high": SCORED_SCHEMA["high"],
        "currency": pl.String(),
        "model_version": pl.String(),
        "data_as_of": pl.Date(),
        "warnings": SCORED_SCHEMA["warnings"],
        "quote_id": pl.String(),
        "reason": SCORED_SCHEMA["reason"],
    }
)
"""What a row becomes: a quote as `POST /predict` answers it, or the reason why there is none."""

logger = logging.getLogger(__name__)


class JournalLagging(AppError):
    """The journal lacks so much that a batch would take the room that is left for single quotes."""

    status, hint = 503, "Try again when the journal is back: /readyz says how it is."


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """Some rows as they are answered, and what is to be recorded of them."""

    written: bytes
    entries: list[JournalEntry]


class BatchPricer:
    """Prices uploaded files."""

    def __init__(
        self,
        *,
        live: LiveModel,
        recorder: JournalWriter,
        spool: Outbox,
        metrics: ServiceMetrics,
        uploads: UploadFolder,
        new_id: Callable[[], str] = new_quote_id,
    ) -> None:
        self._live, self._recorder, self._spool, self._metrics = live, recorder, spool, metrics
        self._uploads, self._new_id = uploads, new_id

    async def answer(self, request: Request) -> Response:
        """Take the upload; give the answer, which prices the rows while it is sent.

        Raises:
            NotATable, NoSuchAnswer: the headers name no format that is known.
            UploadTooLarge, BodyTooSlow, UploadUnreadable, TooManyRows: the body cannot be taken.
            NoModelYet, UploadsBusy, JournalBehind, NoRoom: not now.
        """
        sent = request_format(request.headers)
        wanted, in_use = answer_format(request.headers, sent=sent), self._live.in_use()
        async with AsyncExitStack() as stack:
            scratch = await stack.enter_async_context(self._uploads.place())
            rows = await self._uploads.rows(request, suffix=sent.suffix, scratch=scratch)
            await self._wait_for_journal()
            pieces = self._pieces(rows, in_use, wanted.encoder(ANSWER_COLUMNS, scratch))
            return _Answer(
                pieces,
                media_type=wanted.media_type,
                is_gone=request.is_disconnected,
                close=stack.pop_all().aclose,
            )

    async def _pieces(self, rows: Path, in_use: LoadedModel, encoder: RowWriter) -> AsyncGenerator[bytes]:
        table = open_table(rows, columns=(*LISTING_COLUMNS, PARSE_ERROR), scratch=rows.parent)
        batches = table.batches(rows=ROWS)
        while (piece := await asyncio.to_thread(self._next, batches, in_use, encoder)) is not None:
            await self._wait_for_journal()
            await self._recorder.record(piece.entries)
            if piece.written:
                yield piece.written
        rest = iter(encoder.end())
        while (written := await asyncio.to_thread(next, rest, b"")) != b"":
            yield written

    def _next(
        self, batches: Iterator[pl.DataFrame], in_use: LoadedModel, encoder: RowWriter
    ) -> _Piece | None:
        rows = next(batches, None)
        if rows is None:
            return None
        read = parse_rows(rows)
        scored = price_rows(read, model=in_use.model)
        priced = scored["price"].is_not_null()
        ids = [self._new_id() if is_priced else None for is_priced in priced]
        version = str(in_use.version.version)
        count_quotes(self._metrics, version=version, kinds=scored.filter(priced)["kinds"].to_list())
        answered = _answered(scored, ids=ids, in_use=in_use)
        listings = read.filter(priced).select(LISTING_COLUMNS)
        return _Piece(
            written=encoder.add(answered), entries=_entries(answered.filter(priced), listings=listings)
        )

    async def _wait_for_journal(self) -> None:
        """Leave room for single quotes: the journal takes less a second than a file can bring."""
        until = time.monotonic() + JOURNAL_S
        while self._spool.is_reserved_for_single_quotes:
            if time.monotonic() > until:
                raise JournalLagging("The journal lacks too many quotes to take a file of them.")
            await asyncio.sleep(0.05)


class _Answer(Response):
    """Sends pieces while they come; one that fails halfway is cut off, so that nobody takes it for whole."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        *,
        media_type: str,
        is_gone: Callable[[], Awaitable[bool]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.status_code, self.media_type, self.background = 200, media_type, None
        self._pieces, self._is_gone, self._close = pieces, is_gone, close
        self.init_headers({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; price no further for a client that is gone."""
        del scope, receive
        try:
            async with aclosing(self._pieces):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for piece in self._pieces:
                    if await self._is_gone():
                        return
                    async with asyncio.timeout(TAKING_S):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._close()


def _answered(scored: pl.DataFrame, *, ids: list[str | None], in_use: LoadedModel) -> pl.DataFrame:
    facts = {
        "currency": CURRENCY,
        "model_version": str(in_use.version.version),
        "data_as_of": in_use.model.card.data_as_of,
    }
    is_priced = pl.col("price").is_not_null()
    return scored.with_columns(
        pl.Series("quote_id", ids, dtype=pl.String),
        *(pl.when(is_priced).then(pl.lit(value)).alias(name) for name, value in facts.items()),
    ).select(pl.col(name).cast(kind) for name, kind in ANSWER_COLUMNS.items())


def _entries(answered: pl.DataFrame, *, listings: pl.DataFrame) -> list[JournalEntry]:
    quoted_at = datetime.now(UTC)
    quotes = answered.select("quote_id", "model_version", "price", "low", "high", "warnings")
    return [
        JournalEntry(
            quoted_at=quoted_at,
            listing={name: value for name, value in listing.items() if value is not None},
            **{**quote, "warnings": tuple(quote["warnings"])},
        )
        for quote, listing in zip(quotes.iter_rows(named=True), listings.iter_rows(named=True), strict=True)
    ]
