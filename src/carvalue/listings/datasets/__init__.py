"""Split clean listings into training, validation and test sets, and store them as versions."""

from carvalue.listings.datasets.manifest import describe_dataset
from carvalue.listings.datasets.sales import (
    COLUMNS,
    MIN_SALES,
    SALES_FILE,
    SALES_REPORT,
    SalesReport,
    screen_sales,
    write_sales,
)
from carvalue.listings.datasets.splits import SPLIT_REPORT, SPLITS, SplitReport, split
from carvalue.listings.datasets.store import DATASETS, Dataset, DatasetStore

__all__ = [
    "COLUMNS",
    "DATASETS",
    "MIN_SALES",
    "SALES_FILE",
    "SALES_REPORT",
    "SPLITS",
    "SPLIT_REPORT",
    "Dataset",
    "DatasetStore",
    "SalesReport",
    "SplitReport",
    "describe_dataset",
    "screen_sales",
    "split",
    "write_sales",
]
