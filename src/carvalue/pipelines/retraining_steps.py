"""The steps that only a retraining has: sales join, old prices become today's, nothing new ends it."""

import logging
from pathlib import Path

from carvalue.errors import AppError
from carvalue.settings import Settings

logger = logging.getLogger(__name__)

KNOWN_FILE, RESTATED_FILE = "known.parquet", "restated.json"
"""What a retraining splits, and what was done to its prices."""
NEWEST_SALES = 100_000  # older ones tell of an older market, and no machine is to choke on them


class NothingToLearn(AppError):
    """Production learned from these very listings: no failure, and nothing to do."""

    status, hint = 409, "Bring newer listings to DATA_SOURCE, or report sales to POST /feedback."


def join_sales(*, settings: Settings, work: Path) -> None:
    """Put what quoted cars were sold for among the listings, where enough sales were reported."""
    from carvalue.journal import Journal
    from carvalue.listings.cleaning import LISTINGS_FILE
    from carvalue.listings.datasets import join_sales as join

    journal = Journal(settings.journal_url.get_secret_value())
    try:
        sold = journal.sold_cars(limit=NEWEST_SALES)
    finally:
        journal.close()
    join(work / "clean" / LISTINGS_FILE, sold=(car.as_row() for car in sold), into=work / "clean")


def adjust_prices(*, settings: Settings, work: Path) -> None:
    """Bring earlier prices to the level of the newest, where the market has moved since they were asked.

    The ruler is the model in production; before there is one, prices stay as they are.
    """
    import polars as pl

    from carvalue.files import atomic_write, write_artifact
    from carvalue.listings.datasets import WITH_SALES_FILE
    from carvalue.pricing.training import TimeAdjustment, adjust_to_newest
    from carvalue.registry.promotion import fetch_champion

    known, done = pl.read_parquet(work / "clean" / WITH_SALES_FILE), TimeAdjustment(moved=0, factor=1.0)
    if production := fetch_champion(uri=settings.mlflow_tracking_uri, into=work / "production"):
        known, done = adjust_to_newest(known, reference_model=production.model)
    with atomic_write(work / "clean" / KNOWN_FILE) as aside:
        known.write_parquet(aside)
    write_artifact(done, work / "clean" / RESTATED_FILE)
    logger.info("prices of today", extra={"moved": done.moved, "factor": done.factor})


def dataset_changes(clean: Path) -> str:
    """Say what was done to the listings beyond cleaning; empty for a pipeline that is no retraining."""
    from carvalue.files import read_artifact
    from carvalue.listings.datasets import SALES_REPORT, SalesReport
    from carvalue.pricing.training import TimeAdjustment

    if not (clean / KNOWN_FILE).is_file():
        return ""
    joined = read_artifact(SalesReport, clean / SALES_REPORT)
    return joined.says + read_artifact(TimeAdjustment, clean / RESTATED_FILE).description


def skip_if_unchanged(*, settings: Settings, work: Path) -> None:
    """End here, in green, if the version in production has learned from these very listings."""
    from carvalue.files import read_artifact
    from carvalue.listings.datasets import SPLIT_REPORT, SplitReport
    from carvalue.registry.promotion import fingerprint_in_production

    found = read_artifact(SplitReport, work / "splits" / SPLIT_REPORT)
    if found.fingerprint == fingerprint_in_production(settings.mlflow_tracking_uri):
        raise NothingToLearn(
            f"The version in production has learned from these listings ({found.fingerprint})."
        )
