"""Price files of many cars."""

from carvalue.serving.batch.batches import ANSWER_COLUMNS, BatchPricer
from carvalue.serving.batch.formats import ARROW, CSV, NDJSON, PARQUET
from carvalue.serving.batch.locations import LocationScore, score_location
from carvalue.serving.batch.upload import UploadFolder

__all__ = [
    "ANSWER_COLUMNS",
    "ARROW",
    "CSV",
    "NDJSON",
    "PARQUET",
    "BatchPricer",
    "LocationScore",
    "UploadFolder",
    "score_location",
]
