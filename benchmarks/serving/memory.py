"""Measure a worker's memory over many requests: `python -m benchmarks.serving.memory BUNDLE` (needs wrk)."""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.results import describe_model, save
from benchmarks.serving.listings import sample_listings
from benchmarks.serving.services import CARVALUE, running_service
from benchmarks.serving.wrk import require_wrk, send_requests

CLIENTS, SECONDS = 64, 10


def main() -> None:
    """Print the memory while requests arrive, and write `results/memory.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--requests", type=int, default=200_000)
    options = parser.parse_args()
    require_wrk()
    bodies = [json.dumps(listing) for listing in sample_listings(options.bundle)]
    with (
        tempfile.TemporaryDirectory() as name,
        running_service(CARVALUE, options.bundle, Path(name) / "state") as server,
    ):
        start_mb = peak_mb = server.memory_mb
        sent, url = 0, server.url + CARVALUE.path
        while sent < options.requests:
            result = send_requests(url, bodies, clients=CLIENTS, seconds=SECONDS, folder=Path(name))
            sent += round(result.rate * SECONDS)
            peak_mb = max(peak_mb, server.memory_mb)
            print(f"{sent:9,} requests {server.memory_mb:6.0f} MB", flush=True)
        values = {
            "requests": sent,
            "MB at the start": round(start_mb),
            "largest MB": round(peak_mb),
            "MB at the end": round(server.memory_mb),
        }
    command = "python -m benchmarks.serving.memory BUNDLE"
    save("memory", values, command=command, model=describe_model(options.bundle))


if __name__ == "__main__":
    main()
