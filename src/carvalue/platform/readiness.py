"""Whether the price service quotes with the version that is in production."""

import time
from dataclasses import dataclass

import httpx

from carvalue.errors import AppError
from carvalue.pipelines import INITIAL_MODEL, VERSION_FILE, work_folder
from carvalue.platform.health import service_client
from carvalue.registry import ModelVersion, ProductionReader
from carvalue.settings import Settings

READY_LIMIT_S = 120.0
POLL_S = 0.5


class ServiceNotReady(AppError):
    """The price service does not quote with what is in production: says what it says."""

    status, hint = 503, "`make logs SERVICE=price-service` says more."


class NothingInProduction(AppError):
    """Both pipelines have run, and no version is in production."""

    status, hint = 503, "`make build AGAIN=1` makes one."


@dataclass(frozen=True, kw_only=True)
class ServedVersion:
    """The version that quotes, and the one that the latest run of the pipeline made."""

    version: int
    made_version: int


def wait_for_service(settings: Settings) -> ServedVersion:
    """Wait until the service quotes with the version in production; it follows with a little delay.

    Raises:
        NothingInProduction: no version was ever promoted.
        ServiceNotReady: it does not do so in time.
    """
    with ProductionReader(settings.mlflow_tracking_uri) as registry:
        production = registry.latest()
    if production is None:
        raise NothingInProduction(f"{settings.mlflow_tracking_uri} has no version in production.")
    with service_client(settings) as service:
        _wait_for(service, production.version)
    file = work_folder(settings, INITIAL_MODEL.name) / VERSION_FILE
    made = ModelVersion.load(file) if file.exists() else production
    return ServedVersion(version=production.version, made_version=made.version)


def _wait_for(service: httpx.Client, version: int) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while (answer := _version_in_use(service)) != str(version):
        if time.monotonic() > deadline:
            waited = f"after {READY_LIMIT_S:.0f} s: {answer}"
            raise ServiceNotReady(f"The price service does not quote with version {version} {waited}.")
        time.sleep(POLL_S)


def _version_in_use(service: httpx.Client) -> str:
    try:
        answer = service.get("/readyz")
        if answer.status_code == httpx.codes.OK:
            return str(service.get("/model").raise_for_status().json()["version"])
    except httpx.HTTPError as error:
        return repr(error)
    return f"{answer.status_code} {answer.text}"
