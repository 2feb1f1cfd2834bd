"""Split clean listings into training, validation and test sets, and store them as versions."""

from carvalue.listings.datasets.manifest import describe_dataset
from carvalue.listings.datasets.periods import SPLIT_SHARES, SPLITS, SplitName
from carvalue.listings.datasets.requirements import (
    MIN_TEST_ROWS,
    MIN_TRAINING_ROWS,
    gate_requirements,
    missing_categories,
)
from carvalue.listings.datasets.sales import (
    COLUMNS,
    MIN_SALES,
    SALES_FILE,
    SALES_REPORT,
    SalesReport,
    screen_sales,
    write_sales,
)
from carvalue.listings.datasets.sampling import cars_of_sample, read_sample, sampled_cars, some_cars
from carvalue.listings.datasets.splits import SPLIT_REPORT, SplitReport, split
from carvalue.listings.datasets.store import DATASETS, Dataset, DatasetStore

__all__ = [
    "COLUMNS",
    "DATASETS",
    "MIN_SALES",
    "MIN_TEST_ROWS",
    "MIN_TRAINING_ROWS",
    "SALES_FILE",
    "SALES_REPORT",
    "SPLITS",
    "SPLIT_REPORT",
    "SPLIT_SHARES",
    "Dataset",
    "DatasetStore",
    "SalesReport",
    "SplitName",
    "SplitReport",
    "cars_of_sample",
    "describe_dataset",
    "gate_requirements",
    "missing_categories",
    "read_sample",
    "sampled_cars",
    "screen_sales",
    "some_cars",
    "split",
    "write_sales",
]
