"""Clients that send requests without a pause, and keep every response."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.serving.listings import Listing

HEAD = "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "


@dataclass(frozen=True, kw_only=True)
class QuoteResponse:
    """One quote as the client received it.

    Attributes:
        price: Dollars.
        low: Lower end of the range, in dollars.
        high: Upper end of the range, in dollars.
        model_version: The version that quoted.
        listing: Index of the listing that was sent.
    """

    price: int
    low: int
    high: int
    model_version: str
    listing: int


@dataclass(kw_only=True)
class Responses:
    """All responses of all clients.

    Attributes:
        quotes: Quotes by their id.
        failures: One line for each failed request or connection.
        times: Latency of each response, in seconds.
    """

    quotes: dict[str, QuoteResponse] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


async def run_clients(port: int, listings: Sequence[Listing], *, clients: int, seconds: float) -> Responses:
    """Send listings from several connections for a time.

    Args:
        port: The port of the service on loopback.
        listings: The listings; each client starts at another one.
        clients: Number of connections.
        seconds: Duration.

    Returns:
        All responses.
    """
    responses, deadline = Responses(), time.monotonic() + seconds
    bodies = [json.dumps(listing) for listing in listings]
    await asyncio.gather(
        *(_run_client(port, bodies, first, clients, deadline, responses) for first in range(clients))
    )
    return responses


async def _run_client(
    port: int, bodies: Sequence[str], first: int, step: int, deadline: float, responses: Responses
) -> None:
    """Send one request after the other on one connection; reconnect after a failure."""
    index = first
    while time.monotonic() < deadline:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while time.monotonic() < deadline:
                    listing = index % len(bodies)
                    await _request_quote(reader, writer, bodies[listing], listing, responses)
                    index += step
            finally:
                writer.close()
        except (OSError, EOFError, ValueError, KeyError) as error:
            responses.failures.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.1)


async def _request_quote(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: str, listing: int, responses: Responses
) -> None:
    start = time.perf_counter()
    writer.write(f"{HEAD}{len(body)}\r\n\r\n{body}".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    quote = json.loads(await reader.readexactly(length))
    responses.times.append(time.perf_counter() - start)
    if not head.startswith(b"http/1.1 200"):
        responses.failures.append(f"{head[:12]!r}: {quote}")
        return
    responses.quotes[quote["quote_id"]] = QuoteResponse(
        price=quote["price"],
        low=quote["low"],
        high=quote["high"],
        model_version=quote["model_version"],
        listing=listing,
    )
