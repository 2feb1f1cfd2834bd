"""The steps that only a retraining has: sales join the listings, and nothing new is nothing to do."""

from pathlib import Path

from carvalue.errors import AppError
from carvalue.settings import Settings

NEWEST_SALES = 100_000  # older ones tell of an older market, and no machine is to choke on them


class NothingNew(AppError):
    """Production learned from these very listings: no failure, and nothing to do."""

    status, hint = 409, "Bring newer listings to DATA_SOURCE, or report sales to POST /feedback."


def join_sales(*, settings: Settings, work: Path) -> None:
    """Put what quoted cars were sold for among the listings, where enough sales were reported."""
    from carvalue.listings import sales
    from carvalue.listings.cleaning import LISTINGS_FILE
    from carvalue.monitoring.journal import Journal

    journal = Journal(settings.journal_url.get_secret_value())
    try:
        sold = journal.sold_cars(limit=NEWEST_SALES)
    finally:
        journal.close()
    sales.join_sales(work / "clean" / LISTINGS_FILE, sold=(car.as_row() for car in sold), into=work / "clean")


def look_for_news(*, settings: Settings, work: Path) -> None:
    """End here, in green, if the version in production has learned from these very listings."""
    from carvalue.listings import splits
    from carvalue.listings.reports import read_report
    from carvalue.registry.learned import fingerprint_in_production

    found = read_report(splits.SplitReport, work / "splits" / splits.REPORT_FILE)
    if found.fingerprint == fingerprint_in_production(settings.mlflow_tracking_uri):
        raise NothingNew(f"The version in production has learned from these listings ({found.fingerprint}).")
