"""Pipeline steps that only a retraining has: adjust prices, screen reported sales, stop if nothing is new."""

import logging
from pathlib import Path

from carvalue.errors import AppError
from carvalue.pipelines.cluster import open_workers
from carvalue.settings import PipelineSettings

logger = logging.getLogger(__name__)

ADJUSTED_FILE = "adjusted.parquet"  # source listings with prices at today's level
ADJUSTMENT_REPORT = "adjustment.json"
NEWEST_SALES = 100_000  # older sales describe an older market; the limit also bounds memory


class NothingToLearn(AppError):
    """The champion was trained on the same data; there is nothing to do."""

    status, hint = 409, "Bring newer listings to DATA_SOURCE, or report sales to POST /feedback."


def adjust_prices(*, settings: PipelineSettings, work: Path) -> None:
    """Bring the prices of earlier source listings to the level of the newest ones.

    The reference model is the champion; before there is one, prices stay as they are. Reported sales have no
    influence on the level.

    Args:
        settings: Where MLflow is.
        work: Folder of the pipeline's working files.
    """
    from carvalue.files import write_artifact
    from carvalue.listings.cleaning import LISTINGS_FILE
    from carvalue.pricing.training import adjust_to_newest
    from carvalue.registry import open_registry
    from carvalue.registry.gates import load_champion

    clean = work / "clean"
    with open_registry(settings) as registry:
        champion = load_champion(registry, into=work / "production")
    with open_workers(settings) as workers:
        adjustment = adjust_to_newest(
            clean / LISTINGS_FILE,
            into=clean / ADJUSTED_FILE,
            reference_model=champion.model if champion else None,
            workers=workers,
        )
    write_artifact(adjustment, clean / ADJUSTMENT_REPORT)
    logger.info("prices adjusted", extra={"moved": adjustment.moved, "factor": adjustment.factor})


def join_sales(*, settings: PipelineSettings, work: Path) -> None:
    """Screen reported sales, so that `split` can add them to the training rows.

    Args:
        settings: Where the journal and MLflow are, and which clients are verified.
        work: Folder of the pipeline's working files.
    """
    import polars as pl

    from carvalue.files import read_artifact
    from carvalue.journal import Journal
    from carvalue.listings.datasets import COLUMNS, screen_sales, write_sales
    from carvalue.parallel import parts_of, table_of
    from carvalue.pricing.training import TimeAdjustment, sales_evidence
    from carvalue.registry import open_registry
    from carvalue.registry.gates import load_champion

    journal = Journal(settings.journal_url.get_secret_value())
    try:
        reported = [car.as_row() for car in journal.sold_cars(limit=NEWEST_SALES)]
    finally:
        journal.close()
    with open_registry(settings) as registry:
        champion = load_champion(registry, into=work / "production")
    sales = pl.DataFrame(reported if champion else [], schema=COLUMNS, orient="row", strict=False)
    adjusted = work / "clean" / ADJUSTED_FILE
    listings = table_of(parts_of(adjusted))()
    screened, report = screen_sales(
        sales_evidence(sales, listings=listings, reference=champion.model if champion else None),
        source_rows=listings.select(pl.len()).collect().item(),
        level=read_artifact(TimeAdjustment, work / "clean" / ADJUSTMENT_REPORT).level,
        verified=settings.verified_clients,
    )
    write_sales(screened, report, listings=adjusted, into=work / "clean")


def dataset_changes(clean: Path) -> str:
    """Describe what was done to the listings beyond cleaning.

    Args:
        clean: Folder of the clean table.

    Returns:
        A text to append to the description of the source; empty unless the pipeline is a retraining.
    """
    from carvalue.files import read_artifact
    from carvalue.listings.datasets import SALES_REPORT, SalesReport
    from carvalue.pricing.training import TimeAdjustment

    if not (clean / SALES_REPORT).is_file():
        return ""
    sales = read_artifact(SalesReport, clean / SALES_REPORT)
    return sales.description + read_artifact(TimeAdjustment, clean / ADJUSTMENT_REPORT).description


def skip_if_unchanged(*, settings: PipelineSettings, work: Path) -> None:
    """End the run if the champion was trained on the same listings and sales.

    Args:
        settings: Where MLflow is.
        work: Folder of the pipeline's working files.

    Raises:
        NothingToLearn: The dataset has the champion's fingerprint.
    """
    from carvalue.files import read_artifact
    from carvalue.listings.datasets import SPLIT_REPORT, SplitReport
    from carvalue.registry import open_registry

    with open_registry(settings) as registry:
        champion = registry.champion()
    split = read_artifact(SplitReport, work / "splits" / SPLIT_REPORT)
    if champion and split.fingerprint == champion.dataset_fingerprint:
        raise NothingToLearn(
            f"The champion was trained on the same listings and sales ({split.fingerprint})."
        )
