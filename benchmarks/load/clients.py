"""Clients that ask without a pause, and remember every answer."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.serving.listings import Listing

HEAD = "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a client was told of one quote, and the place of its listing."""

    price: int
    low: int
    high: int
    model_version: str
    listing: int


@dataclass(kw_only=True)
class Memory:
    """All that the clients were told."""

    quotes: dict[str, Answered] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """Seconds from question to answer."""


async def ask_all(port: int, listings: Sequence[Listing], *, clients: int, seconds: float) -> Memory:
    """Ask with so many clients at once."""
    memory, until = Memory(), time.monotonic() + seconds
    bodies = [json.dumps(listing) for listing in listings]
    await asyncio.gather(*(_ask(port, bodies, first, clients, until, memory) for first in range(clients)))
    return memory


async def _ask(port: int, bodies: Sequence[str], first: int, step: int, until: float, memory: Memory) -> None:
    """Ask on one connection; each client begins elsewhere in the list. A failure ends the connection."""
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
    told = json.loads(await reader.readexactly(length))
    memory.times.append(time.perf_counter() - began)
    if not answer.startswith(b"http/1.1 200"):
        memory.failures.append(f"{answer[:12]!r}: {told}")
        return
    memory.quotes[told["quote_id"]] = Answered(
        price=told["price"],
        low=told["low"],
        high=told["high"],
        model_version=told["model_version"],
        listing=place,
    )
