"""Measure how long normal clients wait beside hostile ones, through the proxy.

Run `PYTHONPATH=tests python -m benchmarks.serving.hostile_clients BUNDLE`. The price service runs behind a
real Caddy with the configuration of `deploy/proxy`. Eight clients ask for prices at a steady rate: alone, and
beside clients that are slow, idle, half-closed, pipelined, or send bodies that are too large. Writes
`results/hostile_clients.json`.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from benchmarks.results import describe_model, save
from benchmarks.serving.listings import sample_listings
from benchmarks.serving.services import CARVALUE, running_service

from production import proxy

CLIENTS, REQUESTS_PER_S, SECONDS = 8, 20, 30
SETTLING_S = 5.0
SLOW, IDLE, HUGE, HALF_CLOSED, PIPELINED = 200, 2_000, 4, 50, 4
HUGE_BYTES, PIPELINE_LENGTH = 3_000_000, 20
COMMAND = "PYTHONPATH=tests python -m benchmarks.serving.hostile_clients BUNDLE"

Attack = Callable[[str, int, bytes], Awaitable[None]]


def main() -> None:
    """Measure both phases and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    options = parser.parse_args()
    bodies = [json.dumps(listing).encode() for listing in sample_listings(options.bundle)]
    with (
        tempfile.TemporaryDirectory() as name,
        running_service(CARVALUE, options.bundle, Path(name) / "state") as server,
        proxy(Path(name), int(urlsplit(server.url).port or 0)) as client,
    ):
        address = str(client.base_url.host), int(client.base_url.port or 0)
        alone = _measure(address, bodies)
        with _hostile_clients(address, bodies[0]):
            beside = _measure(address, bodies)
        alone_again = _measure(address, bodies)
    rows = [
        {"clients": label, **figures}
        for label, figures in (
            ("alone", alone),
            ("beside hostile clients", beside),
            ("alone again", alone_again),
        )
    ]
    slower = beside["p99 ms"] / max(alone["p99 ms"], alone_again["p99 ms"])
    values = {
        "rows": rows,
        "hostile connections": SLOW + IDLE + HUGE + HALF_CLOSED + PIPELINED,
        "p99 beside / alone": round(slower, 2),
    }
    print(json.dumps(values, indent=1))
    save("hostile_clients", values, command=COMMAND, model=describe_model(options.bundle))


def _measure(address: tuple[str, int], bodies: list[bytes]) -> dict[str, float]:
    latencies: list[float] = []
    failed: list[int] = []
    threads = [Thread(target=_ask, args=(address, bodies, latencies, failed)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    percentiles = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "failed": len(failed),
        "p50 ms": round(1e3 * percentiles[49], 2),
        "p99 ms": round(1e3 * percentiles[98], 2),
    }


def _ask(address: tuple[str, int], bodies: list[bytes], latencies: list[float], failed: list[int]) -> None:
    """One normal client: a request at a time on one connection, at a steady rate."""
    connection, start = HTTPConnection(*address, timeout=60), time.monotonic()
    for number in range(SECONDS * REQUESTS_PER_S):
        time.sleep(max(0.0, start + number / REQUESTS_PER_S - time.monotonic()))
        began = time.perf_counter()
        connection.request(
            "POST", "/predict", bodies[number % len(bodies)], {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        answer.read()
        latencies.append(time.perf_counter() - began)
        if answer.status != 200:
            failed.append(answer.status)
    connection.close()


@contextmanager
def _hostile_clients(address: tuple[str, int], body: bytes) -> Iterator[None]:
    process = get_context("spawn").Process(target=_attack, args=(*address, body), daemon=True)
    process.start()
    time.sleep(SETTLING_S)
    if not process.is_alive():
        sys.exit("The hostile clients ended.")
    yield
    process.kill()
    process.join()


def _attack(host: str, port: int, body: bytes) -> None:
    asyncio.run(_attack_forever(host, port, body))


async def _attack_forever(host: str, port: int, body: bytes) -> None:
    attacks = {_slow: SLOW, _idle: IDLE, _huge: HUGE, _half_closed: HALF_CLOSED, _pipelined: PIPELINED}
    await asyncio.gather(
        *(
            _again_and_again(partial(attack, host, port, body))
            for attack, count in attacks.items()
            for _ in range(count)
        )
    )


async def _again_and_again(attack: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            await attack()
        await asyncio.sleep(1)


def _head(length: int) -> bytes:
    lines = ("POST /predict HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json")
    return "\r\n".join((*lines, f"Content-Length: {length}", "", "")).encode()


async def _slow(host: str, port: int, body: bytes) -> None:
    """Send a byte a second."""
    _, writer = await asyncio.open_connection(host, port)
    for byte in _head(len(body)) + body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def _idle(host: str, port: int, _: bytes) -> None:
    """Open a connection and say nothing."""
    reader, _writer = await asyncio.open_connection(host, port)
    await reader.read(1)


async def _huge(host: str, port: int, _: bytes) -> None:
    """Send a body that is too large."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_head(HUGE_BYTES) + bytes(HUGE_BYTES))
    await writer.drain()
    await reader.read()


async def _half_closed(host: str, port: int, body: bytes) -> None:
    """Send a request, close the sending side, and read nothing."""
    _, writer = await asyncio.open_connection(host, port)
    writer.write(_head(len(body)) + body)
    writer.write_eof()
    await asyncio.sleep(1)
    writer.close()


async def _pipelined(host: str, port: int, body: bytes) -> None:
    """Send many requests at once on one connection."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write((_head(len(body)) + body) * PIPELINE_LENGTH)
    await writer.drain()
    await reader.read(1)
    writer.close()


if __name__ == "__main__":
    main()
