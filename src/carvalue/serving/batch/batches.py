"""`POST /predict/batch`: answer a file of any length with a priced row for each row, in bounded memory.

The upload is stored on disk and parsed in a subprocess. Its rows are then priced, recorded and sent in
chunks, all by one model. A body that cannot be read is refused before the answer begins.
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
import polars.selectors as cs
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from carvalue.errors import AppError
from carvalue.files.tabular import PARSE_ERROR, open_table
from carvalue.journal import JournalEntry, JournalWriter, Outbox
from carvalue.listings import CURRENCY
from carvalue.pricing import LISTING_COLUMNS, SCORED_SCHEMA, parse_rows, price_rows
from carvalue.serving.batch.formats import RowWriter, answer_format, request_format
from carvalue.serving.batch.upload import UploadFolder
from carvalue.serving.counting import count_quotes
from carvalue.serving.http import refuse_upgrade
from carvalue.serving.model import LiveModel, LoadedModel
from carvalue.serving.quotes import QuoteNotRecorded, new_quote_id
from carvalue.telemetry import ServiceMetrics

CHUNK_ROWS = 4_096  # a third of a second of work; larger chunks are a tenth faster
JOURNAL_WAIT_S = 60  # how long a batch waits for a journal that is behind
SEND_TIMEOUT_S = 60  # how long a client may take to read one chunk

ANSWER_COLUMNS = pl.Schema(
    {
        "price": SCORED_SCHEMA["price"],
        "low": SCORED_SCHEMA["low"],
        "high": SCORED_SCHEMA["high"],
        "currency": pl.String(),
        "model_version": pl.String(),
        "data_as_of": pl.Date(),
        "support_grade": SCORED_SCHEMA["support_grade"],
        "warnings": SCORED_SCHEMA["warnings"],
        "quote_id": pl.String(),
        "reason": SCORED_SCHEMA["reason"],
    }
)
"""Columns of an answer: a quote as `POST /predict` answers it, or the reason why there is none."""
CALIBRATED = ("calibrated_low", "calibrated_high")
"""Columns of `PriceModel.quote_frame` that are there while reported sales correct ranges."""

logger = logging.getLogger(__name__)


class JournalLagging(AppError):
    """The outbox is so full that a batch would take the space that is reserved for single quotes."""

    status, hint = 503, "Try again when GET /readyz shows the journal as up."


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """Some priced rows as they are answered, and their journal entries."""

    answers: pl.DataFrame
    entries: list[JournalEntry]


class BatchPricer:
    """Prices uploaded files.

    Args:
        live: the model in use.
        writer: records each quote for the journal.
        outbox: shows how far the journal is behind.
        metrics: counts quotes and warnings.
        uploads: keeps uploaded files while they are priced.
        refuse_unrecorded: whether an answer ends early if its quotes cannot be recorded.
        new_id: makes the id of a quote.
    """

    def __init__(
        self,
        *,
        live: LiveModel,
        writer: JournalWriter,
        outbox: Outbox,
        metrics: ServiceMetrics,
        uploads: UploadFolder,
        refuse_unrecorded: bool = False,
        new_id: Callable[[], str] = new_quote_id,
    ) -> None:
        self._refuse_unrecorded = refuse_unrecorded
        self._live, self._writer, self._outbox, self._metrics = live, writer, outbox, metrics
        self._uploads, self._new_id = uploads, new_id

    async def answer(self, request: Request) -> Response:
        """Receive an upload, and return an answer that prices the rows while it is sent.

        Args:
            request: its body is a file of rows.

        Returns:
            A streaming response in the requested format.

        Raises:
            UpgradeOffered: the request offers another protocol, so that its body is not read.
            UnsupportedUpload, UnsupportedAnswer: the headers name no format that is known.
            UploadTooLarge, BodyTooSlow, UploadUnreadable, TooManyRows: the body cannot be read.
            ModelNotLoaded, UploadsBusy, JournalLagging, DiskFull: the service cannot price a file now.
        """
        refuse_upgrade(request)  # before anything waits: uvicorn ends the connection when the body arrives
        uploaded = request_format(request.headers)
        wanted, loaded = answer_format(request.headers, uploaded=uploaded), self._live.current()
        async with AsyncExitStack() as stack:
            scratch = await stack.enter_async_context(self._uploads.scratch_folder())
            rows = await self._uploads.receive(request, suffix=uploaded.suffix, scratch=scratch)
            await self._wait_for_journal()
            writer, client = wanted.new_writer(ANSWER_COLUMNS, scratch), request.scope["journal_client"]
            chunks = self._chunks(rows, loaded, writer, client=client, trace_id=request.scope["trace_id"])
            return _Answer(
                chunks,
                media_type=wanted.media_type,
                is_gone=request.is_disconnected,
                close=stack.pop_all().aclose,
            )

    async def _chunks(
        self, rows: Path, loaded: LoadedModel, writer: RowWriter, *, client: str, trace_id: str
    ) -> AsyncGenerator[bytes]:
        table = open_table(rows, columns=(*LISTING_COLUMNS, PARSE_ERROR), scratch=rows.parent)
        batches = table.batches(rows=CHUNK_ROWS)
        while (chunk := await asyncio.to_thread(self._next, batches, loaded)) is not None:
            await self._wait_for_journal()
            entries = [
                replace(entry, client=client, route="upload", trace_id=trace_id) for entry in chunk.entries
            ]
            is_recorded = await self._writer.record(entries)
            answers = chunk.answers if is_recorded else self._without_ids(chunk.answers)
            if content := await asyncio.to_thread(writer.add, answers):
                yield content
        rest = iter(writer.end())
        while (content := await asyncio.to_thread(next, rest, b"")) != b"":
            yield content

    def _without_ids(self, answers: pl.DataFrame) -> pl.DataFrame:
        """Leave out the ids of quotes that are not recorded: no sale can be reported for them."""
        if self._refuse_unrecorded:
            raise QuoteNotRecorded("The disk of the service is full, so quotes cannot be recorded.")
        return answers.with_columns(quote_id=pl.lit(None, pl.String))

    def _next(self, batches: Iterator[pl.DataFrame], loaded: LoadedModel) -> _Chunk | None:
        rows = next(batches, None)
        if rows is None:
            return None
        read = parse_rows(rows)
        scored = price_rows(read, model=loaded.model)
        priced = scored["price"].is_not_null()
        ids = [self._new_id() if is_priced else None for is_priced in priced]
        version = str(loaded.version.version)
        count_quotes(self._metrics, version=version, kinds=scored.filter(priced)["kinds"].to_list())
        answers = _answers(scored, ids=ids, loaded=loaded)
        listings = read.filter(priced).select(LISTING_COLUMNS)
        quotes = answers.hstack(scored.select(cs.by_name(*CALIBRATED, require_all=False)))
        return _Chunk(answers=answers, entries=_entries(quotes.filter(priced), listings=listings))

    async def _wait_for_journal(self) -> None:
        """Leave space for single quotes: a file brings quotes faster than the journal takes them."""
        until = time.monotonic() + JOURNAL_WAIT_S
        while self._outbox.is_reserved_for_single_quotes:
            if time.monotonic() > until:
                raise JournalLagging("The journal is too far behind to take the quotes of a file.")
            await asyncio.sleep(0.05)


class _Answer(Response):
    """A streaming response. If it fails halfway, the connection is cut, so that it never looks complete."""

    def __init__(
        self,
        chunks: AsyncGenerator[bytes],
        *,
        media_type: str,
        is_gone: Callable[[], Awaitable[bool]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.status_code, self.media_type, self.background = 200, media_type, None
        self._chunks, self._is_gone, self._close = chunks, is_gone, close
        self.init_headers({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks; stop pricing when the client has disconnected."""
        del scope, receive
        try:
            async with aclosing(self._chunks):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for chunk in self._chunks:
                    if await self._is_gone():
                        return
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._close()


def _answers(scored: pl.DataFrame, *, ids: list[str | None], loaded: LoadedModel) -> pl.DataFrame:
    constants = {
        "currency": CURRENCY.code,
        "model_version": str(loaded.version.version),
        "data_as_of": loaded.model.card.data_as_of,
    }
    is_priced = pl.col("price").is_not_null()
    return scored.with_columns(
        pl.Series("quote_id", ids, dtype=pl.String),
        *(pl.when(is_priced).then(pl.lit(value)).alias(name) for name, value in constants.items()),
    ).select(pl.col(name).cast(kind) for name, kind in ANSWER_COLUMNS.items())


def _entries(quotes: pl.DataFrame, *, listings: pl.DataFrame) -> list[JournalEntry]:
    quoted_at = datetime.now(UTC)
    recorded = ("quote_id", "model_version", "price", "low", "high", "warnings", *CALIBRATED)
    quotes = quotes.select(cs.by_name(*recorded, require_all=False))
    return [
        JournalEntry(
            quoted_at=quoted_at,
            listing={name: value for name, value in listing.items() if value is not None},
            **{**quote, "warnings": tuple(quote["warnings"])},
        )
        for quote, listing in zip(quotes.iter_rows(named=True), listings.iter_rows(named=True), strict=True)
    ]
