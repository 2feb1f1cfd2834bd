"""Open the model registry and the log of decisions that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager

from carvalue.journal import DecisionLog, DecisionRecord, Journal
from carvalue.registry.decision_file import PROMOTIONS_FILE, import_decisions
from carvalue.registry.registry import Registry
from carvalue.settings import RegistrySettings


@contextmanager
def open_registry(settings: RegistrySettings) -> Iterator[Registry]:
    """Open the model registry, for deciding.

    Args:
        settings: MLFLOW_TRACKING_URI, JOURNAL_URL and STATE_DIR.

    Yields:
        The registry.

    Raises:
        RegistryUnavailable: MLflow does not answer, or stops answering within the block.
        JournalUnavailable: There is a file of decisions to import, and the database does not answer.
    """
    from carvalue.pricing import PriceModel
    from carvalue.registry.mlflow import MlflowVersions, connect_mlflow

    uri = settings.mlflow_tracking_uri
    with connect_mlflow(uri) as client, _open_decisions(settings) as decisions:
        yield Registry(MlflowVersions(client), decisions, verify=PriceModel.load)


def read_decisions(settings: RegistrySettings) -> tuple[DecisionRecord, ...]:
    """Read all decisions, without MLflow.

    Args:
        settings: JOURNAL_URL and STATE_DIR.

    Returns:
        The decisions, oldest first.

    Raises:
        JournalUnavailable: The database does not answer.
    """
    with _open_decisions(settings) as decisions:
        return decisions.all()


@contextmanager
def _open_decisions(settings: RegistrySettings) -> Iterator[DecisionLog]:
    journal = Journal(settings.journal_url.get_secret_value())
    try:
        log = DecisionLog(journal)
        import_decisions(settings.storage_root / PROMOTIONS_FILE, into=log)
        yield log
    finally:
        journal.close()
