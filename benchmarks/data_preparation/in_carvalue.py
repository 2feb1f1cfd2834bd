"""The project's own preparation of the data, as the pipeline runs it."""

import sys
from pathlib import Path

from carvalue.listings.cleaning.cleaner import clean
from carvalue.listings.datasets.splits import split

if __name__ == "__main__":
    raw, into = map(Path, sys.argv[1:])
    report = clean(raw, into=into)
    split(report.listings, into=into)
