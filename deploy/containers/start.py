"""Start one role of the platform in a container: `start.py ROLE [ARGUMENT ...]`."""

import importlib
import os
import secrets
import sys
import urllib.request
from pathlib import Path

MOUNTED_SECRETS = Path("/run/secrets")
HERE = Path(__file__).parent

ROLES = {
    "service": ("-m", "carvalue.serving"),
    "page": ("-m", "carvalue.web"),
    "mlflow": ("-m", "mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"),  # noqa: S104
    "airflow-api": ("-m", "airflow", "api-server", "--host", "0.0.0.0", "--port", "8080"),  # noqa: S104
    "airflow-scheduler": ("-m", "airflow", "scheduler"),
    "airflow-dag-processor": ("-m", "airflow", "dag-processor"),
    "airflow-worker": ("-m", "airflow", "celery", "worker"),
    "migrate": (str(HERE / "migrate.py"),),
    "trigger": ("-m", "airflow", "dags", "trigger"),
}
NEEDS_AIRFLOW = frozenset({"migrate", "trigger", *(role for role in ROLES if role.startswith("airflow"))})

# What each image must be able to import: its self-test, without network or state.
CONTENTS = {
    "service": ("carvalue.serving", "carvalue.pricing.model", "psycopg2"),
    "page": ("carvalue.web", "streamlit"),
    "airflow": ("carvalue.pipelines.steps", "airflow", "mlflow", "celery", "psycopg2", "asyncpg"),
    "mlflow": ("mlflow.server", "psycopg2", "boto3"),
}


def main(words: list[str]) -> None:
    """Become the role named first, or answer a question about this container."""
    match words:
        case ["self-test"]:
            for module in CONTENTS[os.environ["IMAGE"]]:
                importlib.import_module(module)
        case ["healthy", url]:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # an error ends with 1, which says unhealthy
        case [role, *arguments] if role in ROLES:
            os.execve(  # noqa: S606
                sys.executable, [sys.executable, *ROLES[role], *arguments], environment(role)
            )
        case _:
            sys.exit(f"start: expected one of {', '.join(ROLES)}, came {words}.")


def environment(role: str, *, mounted: Path = MOUNTED_SECRETS) -> dict[str, str]:
    """Add to what was given: secrets mounted as files, and what the role needs by itself."""
    given = dict(os.environ) | mounted_secrets(mounted)
    given.setdefault("BIND_HOST", "0.0.0.0")  # noqa: S104  # what is published is the network's decision
    if role not in NEEDS_AIRFLOW:
        # BIND_HOST demands a password of Airflow's; where there is no Airflow, one that nobody knows
        given.setdefault("AIRFLOW_PASSWORD", secrets.token_hex())
        return given
    return _airflow(given)


def mounted_secrets(folder: Path) -> dict[str, str]:
    """Read each file as the variable of its name."""
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    return {path.name: path.read_text().strip() for path in files}


def _airflow(given: dict[str, str]) -> dict[str, str]:
    from carvalue.ops.airflow_config import airflow_environment, write_passwords  # noqa: PLC0415  # only its image
    from carvalue.settings import load_settings  # noqa: PLC0415

    os.environ.update(given)
    settings = load_settings()
    if "AIRFLOW_PASSWORD" in given:
        write_passwords(settings)
    return airflow_environment(settings) | given  # what was given wins over what suits one machine


if __name__ == "__main__":
    main(sys.argv[1:])
