"""From a source to the three splits, as the pipeline's first steps do it: `SOURCE FOLDER`."""

import sys
from pathlib import Path

from carvalue.listings.cleaning import clean
from carvalue.listings.datasets import split
from carvalue.listings.sources import KaggleRequest, drop_unused_partitions, fetch_listings

if __name__ == "__main__":
    source, into = sys.argv[1], Path(sys.argv[2])
    kaggle = KaggleRequest(dataset="none/none")
    raw = fetch_listings(source=source, into=into / "raw", kaggle=kaggle, sample=None)
    drop_unused_partitions(raw)
    report = clean(raw.files, into=into)
    split(report.listings, into=into)
