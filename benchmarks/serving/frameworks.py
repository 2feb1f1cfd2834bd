"""Compare web frameworks and servers by the whole request: `python -m benchmarks.serving.frameworks`.

Each application reads the same JSON body and answers the same quote, as its framework's guide
does it.
It needs wrk, and FastAPI, Litestar and granian in the environment.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import msgspec
from benchmarks.processes import Server, free_port, running
from benchmarks.results import save
from benchmarks.serving.wrk import require_wrk, send_requests

from carvalue.api.examples import LISTING, QUOTE

CLIENTS = (1, 16, 64)
COMMAND = "python -m benchmarks.serving.frameworks"
FRAMEWORKS = ("starlette", "litestar", "fastapi")
SERVERS = ("uvicorn", "granian")


def fastapi_app() -> Any:
    """FastAPI with pydantic models."""
    from fastapi import FastAPI
    from pydantic import BaseModel, create_model

    body = create_model("Listing", **{name: (type(value), ...) for name, value in LISTING.items()})  # type: ignore[call-overload]
    values = msgspec.to_builtins(QUOTE)
    answer: type[BaseModel] = create_model("Quote", **dict.fromkeys(values, (Any, ...)))  # type: ignore[call-overload]
    quote, app = answer(**values), FastAPI()

    @app.post("/predict", response_model=answer)
    async def predict(listing: body) -> object:  # type: ignore[valid-type]  # noqa: ARG001
        return quote

    return app


def litestar_app() -> Any:
    """Litestar with msgspec structs."""
    from litestar import Litestar, post

    body = msgspec.defstruct("Listing", [(name, type(value)) for name, value in LISTING.items()])

    async def predict(data: Any) -> object:  # noqa: ARG001  # Litestar validates it
        return QUOTE

    predict.__annotations__ = {"data": body, "return": type(QUOTE)}
    return Litestar([post("/predict", status_code=200)(predict)])


def starlette_app() -> Any:
    """Starlette with msgspec structs."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    body = msgspec.defstruct("Listing", [(name, type(value)) for name, value in LISTING.items()])

    async def predict(request: Request) -> Response:
        msgspec.json.decode(await request.body(), type=body)
        return Response(msgspec.json.encode(QUOTE), media_type="application/json")

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def command(server: str, framework: str, port: int) -> tuple[str, ...]:
    """Return the command that serves an application with one worker and without an access log."""
    target = f"benchmarks.serving.frameworks:{framework}_app"
    if server == "granian":
        options = ("--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--no-access-log")
        return (sys.executable, "-m", "granian", "--factory", *options, target)
    options = ("--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning")
    return (sys.executable, "-m", "uvicorn", "--factory", *options, target)


def main() -> None:
    """Measure each pair in turns, and write `results/frameworks.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each round")
    options = parser.parse_args()
    require_wrk()
    body = msgspec.json.encode(LISTING).decode()
    pairs = [(server, framework) for framework in FRAMEWORKS for server in SERVERS]
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = [stack.enter_context(_running(*pair, folder=folder)) for pair in pairs]
        for clients in CLIENTS:
            results = [
                [_measure(server, body, clients, options.seconds, folder) for server in servers]
                for _ in range(options.rounds)
            ]
            for index, (server, framework) in enumerate(pairs):
                rates, cpu = zip(*(turn[index] for turn in results), strict=True)
                rows.append(
                    {
                        "clients": clients,
                        "framework": framework,
                        "server": server,
                        "requests/s": round(median(rates)),
                        "CPU us per request": round(median(cpu)),
                    }
                )
                print(rows[-1], flush=True)
    values = {"rounds": options.rounds, "frameworks": rows}
    save("frameworks", values, command=COMMAND, model="none: the answer is a constant")


@contextmanager
def _running(server: str, framework: str, *, folder: Path) -> Iterator[Server]:
    port = free_port()

    def answers() -> bool:
        try:
            return httpx.post(f"http://127.0.0.1:{port}/predict", json=dict(LISTING), timeout=10).is_success
        except httpx.TransportError:
            return False

    log = folder / f"{server}-{framework}.log"
    with running(command(server, framework, port), environment={}, log=log, is_ready=answers) as process:
        yield Server(port=port, process=process)


def _measure(server: Server, body: str, clients: int, seconds: int, folder: Path) -> tuple[float, float]:
    url = f"{server.url}/predict"
    send_requests(url, [body], clients=clients, seconds=1, folder=folder)
    before = server.cpu_seconds
    result = send_requests(url, [body], clients=clients, seconds=seconds, folder=folder)
    return result.rate, 1e6 * (server.cpu_seconds - before) / max(result.rate * seconds, 1)


if __name__ == "__main__":
    main()
