"""Start one role of the platform in a container: `start.py ROLE [ARGUMENT ...]`."""

import hashlib
import hmac
import importlib
import json
import os
import secrets
import shutil
import sys
import urllib.request
from pathlib import Path

MOUNTED_SECRETS = Path("/run/secrets")
HERE = Path(__file__).parent

ROLES = {
    "service": "-m carvalue.serving",
    "page": "-m carvalue.web",
    "watcher": "-m carvalue.monitoring.watcher",
    "alerting": f"{HERE / 'alerting.py'}",
    "mlflow": "-m mlflow server --host {BIND_HOST} --port {MLFLOW_PORT} --workers 1",
    "airflow-api": "-m airflow api-server --host {BIND_HOST} --port {AIRFLOW_PORT}",
    "airflow-scheduler": "-m airflow scheduler",
    "airflow-dag-processor": "-m airflow dag-processor",
    "airflow-worker": "-m airflow celery worker",
    "migrate": f"{HERE / 'migrate.py'}",
    "trigger": "-m airflow dags trigger",
    "backup": "-m carvalue backup",
    "restore": "-m carvalue restore",
    "journal": "-m carvalue journal",
    "publish": "-m carvalue publish",
    "metrics": f"{HERE / 'metrics.py'}",
}
DEFAULTS = {
    "BIND_HOST": "0.0.0.0",  # noqa: S104  # the network decides what is published
    "MLFLOW_PORT": "5000",
    "AIRFLOW_PORT": "8080",
    "DATA_SOURCE": "kaggle",  # not auto: without Kaggle the first model would learn from generated cars
    "GENERATED_DATA": "refuse",
    "FIRST_MODEL": "automatic",
}
"""What an empty or absent variable means in a container."""
NEEDS_AIRFLOW = frozenset(
    {"airflow-task", "migrate", "trigger", *(role for role in ROLES if role.startswith("airflow"))}
)

# stores users with roles and hashed passwords
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"

# Modules that the self-test of each image imports, without network or state.
CONTENTS = {
    "service": ("carvalue.serving.__main__", "carvalue.serving.app", "carvalue.cli", "psycopg"),
    "page": ("carvalue.web.__main__", "streamlit"),
    "watcher": (
        *("carvalue.monitoring.watcher.__main__", "carvalue.platform.observability.stack", "evidently"),
        *("psycopg", "boto3"),
    ),
    "backup": ("carvalue.cli", "carvalue.platform.admin", "psycopg", "boto3"),
    "airflow": (
        *("carvalue.pipelines.steps", "carvalue.pipelines.airflow", "carvalue.pipelines.airflow_logs"),
        *("carvalue.platform.airflow.config", "airflow.providers.fab", "airflow.providers.cncf.kubernetes"),
        *("carvalue.cli", "mlflow", "celery", "asyncpg", "boto3", "carvalue.pricing.training.distributed"),
    ),
    "mlflow": ("mlflow.server", "psycopg", "boto3"),
}
# Programs that the self-test looks for.
PROGRAMS = {"backup": ("pg_dump", "pg_restore")}


def main(arguments: list[str]) -> None:
    """Run a role, the self-test or the health check of the container.

    Args:
        arguments: `ROLE [ARGUMENT ...]`, `self-test`, `healthy URL [COMPONENT]` or `airflow-task python ...`.
    """
    match arguments:
        case ["self-test"]:
            self_test(os.environ["IMAGE"])
        case ["healthy", url]:
            check_health(url)
        case ["healthy", url, component]:
            check_health(url, component)
        case ["airflow-task", "python", *rest]:  # KubernetesExecutor passes the whole command of a task
            os.execve(sys.executable, [sys.executable, *rest], environment("airflow-task"))  # noqa: S606
        case [role, *rest] if role in ROLES:
            given = environment(role)
            command = [part.format_map(given) for part in ROLES[role].split()]
            os.execve(sys.executable, [sys.executable, *command, *rest], given)  # noqa: S606
        case _:
            sys.exit(f"start: expected one of {', '.join(ROLES)}, got {arguments}.")


def self_test(image: str) -> None:
    """Check that an image has the packages and programs of its roles.

    Args:
        image: Name of the image.
    """
    for module in CONTENTS[image]:
        importlib.import_module(module)
    if missing := [name for name in PROGRAMS.get(image, ()) if shutil.which(name) is None]:
        sys.exit(f"start: the image {image} lacks {', '.join(missing)}.")


def check_health(url: str, component: str = "") -> None:
    """Exit with an error, which means unhealthy, unless an address answers with a success.

    Args:
        url: Address of the health check.
        component: Part that the answer must report as healthy, such as `scheduler`: Airflow answers with
            status 200 even if the scheduler has stopped. Empty: none.
    """
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
        status = json.load(answer)[component]["status"] if component else "healthy"
    if status != "healthy":
        sys.exit(f"start: {component} is {status!r}: expected 'healthy'.")


def environment(role: str, *, mounted: Path = MOUNTED_SECRETS) -> dict[str, str]:
    """Return the environment of a role: defaults, own environment, mounted secrets, Airflow's options.

    Args:
        role: Role of the container.
        mounted: Folder of the mounted secrets.

    Returns:
        Variable name -> value.
    """
    chosen = {name: value for name, value in os.environ.items() if value or name not in DEFAULTS}
    given = DEFAULTS | chosen | mounted_secrets(mounted)
    if role in NEEDS_AIRFLOW:
        return _airflow(given)
    # BIND_HOST requires a password of Airflow; without Airflow it is random
    return {"AIRFLOW_PASSWORD": secrets.token_hex()} | given


def mounted_secrets(folder: Path) -> dict[str, str]:
    """Read secrets mounted as files.

    Args:
        folder: Folder with one file per variable; it may not exist.

    Returns:
        File name -> stripped content; without empty files, which stand for the default.
    """
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    return {path.name: content for path in files if (content := path.read_text().strip())}


def _airflow(given: dict[str, str]) -> dict[str, str]:
    from carvalue.platform.airflow.config import airflow_environment  # noqa: PLC0415  # only Airflow's image has all of it
    from carvalue.settings import load_settings  # noqa: PLC0415

    os.environ.update(given)
    settings = load_settings()
    options = airflow_environment(settings) | {"AIRFLOW__CORE__AUTH_MANAGER": FAB} | _session_key(given)
    # on one machine it refuses every Host but loopback; here the other parts call the API server by its name
    del options["AIRFLOW__CORE__PLUGINS_FOLDER"]
    return options | given  # given variables override the options for one machine


def _session_key(given: dict[str, str]) -> dict[str, str]:
    """Derive one key for the sessions of all copies from the JWT secret."""
    secret = given.get("AIRFLOW__API_AUTH__JWT_SECRET")
    if not secret:
        return {}  # Airflow generates one
    return {"AIRFLOW__API__SECRET_KEY": hmac.new(secret.encode(), b"sessions", hashlib.sha256).hexdigest()}


if __name__ == "__main__":
    main(sys.argv[1:])
