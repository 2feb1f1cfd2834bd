"""Memory of a worker over 200,000 requests: `python -m benchmarks.serving.memory BUNDLE` (needs wrk)."""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.serving.contenders import CONTENDERS, running
from benchmarks.serving.listings import listings_of
from benchmarks.serving.load import ask

CLIENTS, SECONDS = 64, 10


def main() -> None:
    """Print requests so far and resident megabytes."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("bundle", type=Path)
    given.add_argument("--requests", type=int, default=200_000)
    chosen = given.parse_args()
    ours = next(contender for contender in CONTENDERS if contender.name.startswith("carvalue"))
    bodies = [json.dumps(listing) for listing in listings_of(chosen.bundle)]
    with (
        tempfile.TemporaryDirectory() as name,
        running(ours, chosen.bundle, Path(name) / "state") as service,
    ):
        sent = 0
        print(f"{sent:9,} requests {service.memory_mb:6.0f} MB", flush=True)
        while sent < chosen.requests:
            shown = ask(service.url, bodies, clients=CLIENTS, seconds=SECONDS, folder=Path(name))
            sent += round(shown.rate * SECONDS)
            print(f"{sent:9,} requests {service.memory_mb:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
