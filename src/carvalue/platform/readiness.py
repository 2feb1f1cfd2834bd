"""Wait until the price service quotes with the model version that is in production."""

import time
from dataclasses import dataclass

import httpx

from carvalue.errors import AppError
from carvalue.pipelines import INITIAL_MODEL, VERSION_FILE, work_folder
from carvalue.platform.health import service_client
from carvalue.registry import ModelVersion, open_reader
from carvalue.settings import Settings
from carvalue.urls import without_credentials

READY_LIMIT_S = 120.0
POLL_S = 0.5


class ServiceNotReady(AppError):
    """The price service does not quote with the version in production; the message holds its answer."""

    status, hint = 503, "Run `make logs SERVICE=price-service` for details."


class NothingInProduction(AppError):
    """No model version is in production after both pipelines have run."""

    status, hint = 503, "Run `make build AGAIN=1` to train and promote a version."


@dataclass(frozen=True, kw_only=True)
class ServedVersion:
    """The version in use and the version that was trained last.

    Attributes:
        version: Number of the version that the price service quotes with.
        trained_version: Number of the version that the latest run of the training pipeline registered. It
            differs from `version` if the promotion gates rejected it.
    """

    version: int
    trained_version: int


def wait_for_service(settings: Settings) -> ServedVersion:
    """Wait until the price service quotes with the version in production.

    Args:
        settings: Addresses of MLflow and of the price service, and the state directory.

    Returns:
        The version in use and the version trained last.

    Raises:
        NothingInProduction: No version was ever promoted.
        ServiceNotReady: The service does not quote with that version within 120 seconds.
    """
    with open_reader(settings) as registry:
        production = registry.champion()
    if production is None:
        raise NothingInProduction(
            f"{without_credentials(settings.mlflow_tracking_uri)} has no version in production."
        )
    with service_client(settings) as service:
        _wait_for(service, production.version)
    file = work_folder(settings, INITIAL_MODEL.name).read() / VERSION_FILE
    trained = ModelVersion.load(file) if file.exists() else production
    return ServedVersion(version=production.version, trained_version=trained.version)


def _wait_for(service: httpx.Client, version: int) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while (answer := _version_in_use(service)) != str(version):
        if time.monotonic() > deadline:
            details = f"after {READY_LIMIT_S:.0f} s: {answer}"
            raise ServiceNotReady(f"The price service does not quote with version {version} {details}.")
        time.sleep(POLL_S)


def _version_in_use(service: httpx.Client) -> str:
    try:
        answer = service.get("/readyz")
        if answer.status_code == httpx.codes.OK:
            return str(service.get("/model").raise_for_status().json()["version"])
    except httpx.HTTPError as error:
        return repr(error)
    return f"{answer.status_code} {answer.text}"
