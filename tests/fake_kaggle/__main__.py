"""Serve a table as Kaggle would, on the port where KAGGLE_API_ENVIRONMENT=TEST looks for it.

PYTHONPATH=tests python -m fake_kaggle vehicles.csv.zip
KAGGLE_API_ENVIRONMENT=TEST DATA_SOURCE=kaggle make build
"""

import argparse
from pathlib import Path

from fake_kaggle.server import DATASET, FakeKaggle, zipped

TEST_PORT = 7777  # fixed in kagglesdk


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fake_kaggle", description=__doc__)
    parser.add_argument("file", type=Path, help="a .csv, or a .zip with vehicles.csv in it")
    parser.add_argument("--version", type=int, default=10, help="the data set's current version")
    options = parser.parse_args()
    kaggle = FakeKaggle(zipped(options.file), version=options.version, port=TEST_PORT)
    print(f"{DATASET}, version {options.version}, is at {kaggle.url}", flush=True)  # noqa: T201
    try:
        kaggle.serve_forever()
    except KeyboardInterrupt:
        print("stopped")  # noqa: T201


if __name__ == "__main__":
    main()
