"""Start one role of the platform in a container: `start.py ROLE [ARGUMENT ...]`."""

import hashlib
import hmac
import importlib
import os
import secrets
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
}
DEFAULTS = {
    "BIND_HOST": "0.0.0.0",  # noqa: S104  # what is published is the network's decision
    "MLFLOW_PORT": "5000",
    "AIRFLOW_PORT": "8080",
}
NEEDS_AIRFLOW = frozenset(
    {"airflow-task", "migrate", "trigger", *(role for role in ROLES if role.startswith("airflow"))}
)

# users with roles, and passwords kept as hashes
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"

# What each image must be able to import: its self-test, without network or state.
CONTENTS = {
    "service": ("carvalue.serving", "carvalue.pricing.model", "psycopg"),
    "page": ("carvalue.web", "streamlit"),
    "watcher": (
        "carvalue.monitoring.watcher.watcher",
        "carvalue.platform.observability.stack",
        "evidently",
        "psycopg",
    ),
    "airflow": (
        *("carvalue.pipelines.steps", "airflow.providers.fab", "mlflow", "celery", "asyncpg"),
        "airflow.providers.cncf.kubernetes",
    ),
    "mlflow": ("mlflow.server", "psycopg", "boto3"),
}


def main(words: list[str]) -> None:
    """Become the role named first, or answer a question about this container."""
    match words:
        case ["self-test"]:
            for module in CONTENTS[os.environ["IMAGE"]]:
                importlib.import_module(module)
        case ["healthy", url]:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # an error ends with 1, which says unhealthy
        case ["airflow-task", "python", *words]:  # KubernetesExecutor hands over the whole command of a task
            os.execve(sys.executable, [sys.executable, *words], environment("airflow-task"))  # noqa: S606
        case [role, *arguments] if role in ROLES:
            given = environment(role)
            command = [word.format_map(given) for word in ROLES[role].split()]
            os.execve(sys.executable, [sys.executable, *command, *arguments], given)  # noqa: S606
        case _:
            sys.exit(f"start: expected one of {', '.join(ROLES)}, came {words}.")


def environment(role: str, *, mounted: Path = MOUNTED_SECRETS) -> dict[str, str]:
    """Add to what was given: secrets mounted as files, and what the role needs by itself."""
    given = DEFAULTS | dict(os.environ) | mounted_secrets(mounted)
    if role in NEEDS_AIRFLOW:
        return _airflow(given)
    # BIND_HOST demands a password of Airflow's; where there is no Airflow, one that nobody knows
    return {"AIRFLOW_PASSWORD": secrets.token_hex()} | given


def mounted_secrets(folder: Path) -> dict[str, str]:
    """Read each file as the variable of its name."""
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    return {path.name: path.read_text().strip() for path in files}


def _airflow(given: dict[str, str]) -> dict[str, str]:
    from carvalue.platform.airflow.config import airflow_environment  # noqa: PLC0415  # only its image has all of it
    from carvalue.settings import load_settings  # noqa: PLC0415

    os.environ.update(given)
    settings = load_settings()
    login = {"AIRFLOW__CORE__AUTH_MANAGER": FAB} | _session_key(given)
    return airflow_environment(settings) | login | given  # what was given wins over what suits one machine


def _session_key(given: dict[str, str]) -> dict[str, str]:
    """Sign the sessions of all copies alike, without one more secret to keep."""
    signed = given.get("AIRFLOW__API_AUTH__JWT_SECRET")
    if not signed:
        return {}  # Airflow draws one of its own
    return {"AIRFLOW__API__SECRET_KEY": hmac.new(signed.encode(), b"sessions", hashlib.sha256).hexdigest()}


if __name__ == "__main__":
    main(sys.argv[1:])
