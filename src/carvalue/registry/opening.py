"""Open the model registry and the log of decisions that the settings name."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from carvalue.files import PublicKey, SigningKey, open_objects
from carvalue.journal import DecisionLog, DecisionRecord, Journal
from carvalue.registry.decision_file import PROMOTIONS_FILE, import_decisions
from carvalue.registry.http_reader import HttpRegistryReader
from carvalue.registry.model_version import RegistryUnavailable
from carvalue.registry.port import RegistryReader
from carvalue.registry.publication import Publication, PublishedReader
from carvalue.registry.registry import Registry
from carvalue.settings import RegistrySettings
from carvalue.urls import without_credentials


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
        yield Registry(
            MlflowVersions(client),
            decisions,
            verify=PriceModel.load,
            publication=_open_publication(settings),
        )


@contextmanager
def open_reader(settings: RegistrySettings) -> Iterator[RegistryReader]:
    """Open the versions for reading: the published ones, or else MLflow.

    Args:
        settings: BUNDLE_URL and its keys, and MLFLOW_TRACKING_URI.

    Yields:
        The reader. With a BUNDLE_URL it needs MLflow for the challenger only.

    Raises:
        RegistryUnavailable: The registry is a database, and MLflow is not installed here.
        BadKey: BUNDLE_PUBLIC_KEY does not name a usable public key.
    """
    if not settings.bundle_url:
        with _open_mlflow(settings.mlflow_tracking_uri) as reader:
            yield reader
        return
    key = PublicKey(settings.bundle_public_key) if settings.bundle_public_key else None
    with ExitStack() as stack:

        @cache
        def open_once() -> RegistryReader:
            return stack.enter_context(_open_mlflow(settings.mlflow_tracking_uri))

        yield PublishedReader(
            open_objects(settings.bundle_url), key=key, unsigned=settings.unsigned_bundles, registry=open_once
        )


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


def _open_publication(settings: RegistrySettings) -> Publication | None:
    if not settings.bundle_url:
        return None
    private = settings.bundle_signing_key.get_secret_value()
    key = SigningKey(private) if private else None
    return Publication(open_objects(settings.bundle_url), key=key)


@contextmanager
def _open_mlflow(uri: str) -> Iterator[RegistryReader]:
    """Open MLflow for reading: a server over HTTP, without importing MLflow, or a database."""
    if uri.startswith(("http://", "https://")):
        with HttpRegistryReader(uri) as reader:
            yield reader
        return
    try:
        from carvalue.registry.mlflow import MlflowVersions, connect_mlflow
    except ModuleNotFoundError as error:
        raise RegistryUnavailable(
            f"MLFLOW_TRACKING_URI is the database {without_credentials(uri)}, and {error.name} is not "
            "installed: expected an MLflow server."
        ) from error
    with connect_mlflow(uri) as client:
        yield MlflowVersions(client)


@contextmanager
def _open_decisions(settings: RegistrySettings) -> Iterator[DecisionLog]:
    journal = Journal(settings.journal_url.get_secret_value())
    try:
        log = DecisionLog(journal)
        import_decisions(settings.storage_root / PROMOTIONS_FILE, into=log)
        yield log
    finally:
        journal.close()
