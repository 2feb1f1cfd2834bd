"""The steps that only a retraining has: sales join, old prices become today's, nothing new ends it."""

import logging
from pathlib import Path

from carvalue.errors import AppError
from carvalue.settings import Settings

logger = logging.getLogger(__name__)

KNOWN_FILE, RESTATED_FILE = "known.parquet", "restated.json"
"""What a retraining splits, and what was done to its prices."""
NEWEST_SALES = 100_000  # older ones tell of an older market, and no machine is to choke on them


class NothingNew(AppError):
    """Production learned from these very listings: no failure, and nothing to do."""

    status, hint = 409, "Bring newer listings to DATA_SOURCE, or report sales to POST /feedback."


def join_sales(*, settings: Settings, work: Path) -> None:
    """Put what quoted cars were sold for among the listings, where enough sales were reported."""
    from carvalue.journal.store import Journal
    from carvalue.listings.datasets import sales
    from carvalue.listings.datasets.cleaning import LISTINGS_FILE

    journal = Journal(settings.journal_url.get_secret_value())
    try:
        sold = journal.sold_cars(limit=NEWEST_SALES)
    finally:
        journal.close()
    sales.join_sales(work / "clean" / LISTINGS_FILE, sold=(car.as_row() for car in sold), into=work / "clean")


def to_todays_prices(*, settings: Settings, work: Path) -> None:
    """Bring earlier prices to the level of the newest, where the market has moved since they were asked.

    The ruler is the model in production; before there is one, prices stay as they are.
    """
    import polars as pl

    from carvalue.files.artifacts import write_report
    from carvalue.files.atomic import written_aside
    from carvalue.listings.datasets.sales import WITH_SALES_FILE
    from carvalue.pricing.training.time_adjustment import Restatement, restate
    from carvalue.registry.promotion.champion import fetch_production

    known, done = pl.read_parquet(work / "clean" / WITH_SALES_FILE), Restatement(moved=0, factor=1.0)
    if production := fetch_production(uri=settings.mlflow_tracking_uri, into=work / "production"):
        known, done = restate(known, ruler=production.model)
    with written_aside(work / "clean" / KNOWN_FILE) as aside:
        known.write_parquet(aside)
    write_report(done, work / "clean" / RESTATED_FILE)
    logger.info("prices of today", extra={"moved": done.moved, "factor": done.factor})


def additions(clean: Path) -> str:
    """Say what was done to the listings beyond cleaning; empty for a pipeline that is no retraining."""
    from carvalue.files.artifacts import read_report
    from carvalue.listings.datasets import sales
    from carvalue.pricing.training.time_adjustment import Restatement

    if not (clean / KNOWN_FILE).is_file():
        return ""
    joined = read_report(sales.SalesReport, clean / sales.REPORT_FILE)
    return joined.says + read_report(Restatement, clean / RESTATED_FILE).says


def look_for_news(*, settings: Settings, work: Path) -> None:
    """End here, in green, if the version in production has learned from these very listings."""
    from carvalue.files.artifacts import read_report
    from carvalue.listings.datasets import splits
    from carvalue.registry.promotion.provenance import fingerprint_in_production

    found = read_report(splits.SplitReport, work / "splits" / splits.REPORT_FILE)
    if found.fingerprint == fingerprint_in_production(settings.mlflow_tracking_uri):
        raise NothingNew(f"The version in production has learned from these listings ({found.fingerprint}).")
