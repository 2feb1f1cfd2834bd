"""Clients that send requests without a pause and record every response."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.serving.listings import Listing

HEAD = "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A quote that a client received, and the index of its listing."""

    price: int
    low: int
    high: int
    model_version: str
    listing: int


@dataclass(kw_only=True)
class Memory:
    """All responses that the clients received."""

    quotes: dict[str, Answered] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """Seconds from question to answer."""


async def ask_all(port: int, listings: Sequence[Listing], *, clients: int, seconds: float) -> Memory:
    """Send requests with several clients at once."""
    memory, until = Memory(), time.monotonic() + seconds
    bodies = [json.dumps(listing) for listing in listings]
    await asyncio.gather(*(_ask(port, bodies, first, clients, until, memory) for first in range(clients)))
    return memory


async def _ask(port: int, bodies: Sequence[str], first: int, step: int, until: float, memory: Memory) -> None:
    """Send requests on one connection. Each client starts at another listing; an error ends it."""
    place = first
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while time.monotonic() < until:
                    await _one(reader, writer, bodies[place % len(bodies)], place % len(bodies), memory)
                    place += step
            finally:
                writer.close()
        except (OSError, EOFError, ValueError, KeyError) as error:
            memory.failures.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.1)


async def _one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: str, place: int, memory: Memory
) -> None:
    began = time.perf_counter()
    writer.write(f"{HEAD}{len(body)}\r\n\r\n{body}".encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    received = json.loads(await reader.readexactly(length))
    memory.times.append(time.perf_counter() - began)
    if not answer.startswith(b"http/1.1 200"):
        memory.failures.append(f"{answer[:12]!r}: {received}")
        return
    memory.quotes[received["quote_id"]] = Answered(
        price=received["price"],
        low=received["low"],
        high=received["high"],
        model_version=received["model_version"],
        listing=place,
    )
