"""Split clean listings into training, validation and test sets, and store them as versions."""

from carvalue.listings.datasets.manifest import describe_dataset
from carvalue.listings.datasets.sales import MIN_SALES, SALES_REPORT, WITH_SALES_FILE, SalesReport, join_sales
from carvalue.listings.datasets.splits import SPLIT_REPORT, SPLITS, SplitReport, split
from carvalue.listings.datasets.store import Dataset, DatasetStore

__all__ = [
    "MIN_SALES",
    "SALES_REPORT",
    "SPLITS",
    "SPLIT_REPORT",
    "WITH_SALES_FILE",
    "Dataset",
    "DatasetStore",
    "SalesReport",
    "SplitReport",
    "describe_dataset",
    "join_sales",
    "split",
]
