"""Compare one worker with two: `python -m benchmarks.serving.workers BUNDLE` (needs wrk, a minute).

Both services are measured in turns. wrk needs a part of a core as well, so two cores cannot show twice the
throughput.
"""

import argparse
import json
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.results import describe_model, save
from benchmarks.serving.listings import sample_listings
from benchmarks.serving.services import CARVALUE, running_service, with_workers
from benchmarks.serving.wrk import require_wrk, send_requests

CLIENTS, ROUNDS, SECONDS = (16, 64), 3, 3


def main() -> None:
    """Measure both, and write `results/workers.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    bundle = parser.parse_args().bundle
    require_wrk()
    bodies = [json.dumps(listing) for listing in sample_listings(bundle)]
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        urls = [
            stack.enter_context(
                running_service(replace(CARVALUE, start=with_workers(count)), bundle, folder / str(count))
            ).url
            + CARVALUE.path
            for count in (1, 2)
        ]
        for clients in CLIENTS:
            rounds = [
                [
                    send_requests(url, bodies, clients=clients, seconds=SECONDS, folder=folder).rate
                    for url in urls
                ]
                for _ in range(ROUNDS)
            ]
            one, two = (round(median(rates[index] for rates in rounds)) for index in (0, 1))
            ratio = round(median(rates[1] / rates[0] for rates in rounds), 2)
            rows.append(
                {"clients": clients, "one worker, requests/s": one, "two workers": two, "ratio": ratio}
            )
            print(rows[-1], flush=True)
    command = "python -m benchmarks.serving.workers BUNDLE"
    save("workers", {"workers": rows}, command=command, model=describe_model(bundle))


if __name__ == "__main__":
    main()
