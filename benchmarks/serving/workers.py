"""Measure the gain of a second worker: `python -m benchmarks.serving.workers BUNDLE` (needs wrk, a minute).

One service with one worker and one with two, measured alternately. wrk needs a part of a core as well, so
that two cores cannot show twice as much.
"""

import argparse
import json
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.serving.contenders import CONTENDERS, running, with_workers
from benchmarks.serving.listings import listings_of
from benchmarks.serving.load import ask

CLIENTS, ROUNDS, SECONDS = (16, 64), 3, 3


def main() -> None:
    """Print requests per second of both, and the ratio within each round."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("bundle", type=Path)
    bundle = given.parse_args().bundle
    ours = next(contender for contender in CONTENDERS if contender.name.startswith("carvalue"))
    bodies = [json.dumps(listing) for listing in listings_of(bundle)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        services = [
            stack.enter_context(
                running(replace(ours, start=with_workers(count)), bundle, folder / f"with {count}")
            )
            for count in (1, 2)
        ]
        for clients in CLIENTS:
            rounds = [
                [
                    ask(service.url, bodies, clients=clients, seconds=SECONDS, folder=folder).rate
                    for service in services
                ]
                for _ in range(ROUNDS)
            ]
            one, two = (median(pair[place] for pair in rounds) for place in (0, 1))
            ratio = median(pair[1] / pair[0] for pair in rounds)
            print(
                f"{clients:3} clients: one worker {one:7,.0f}/s, two {two:7,.0f}/s, {ratio:.2f} times",
                flush=True,
            )


if __name__ == "__main__":
    main()
