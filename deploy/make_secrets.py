"""Draw the passwords that compose.yaml mounts, one file each; what exists is kept.

Needs nothing but Python. The key of your S3 is yours to write: s3_key_id and s3_key.
"""

import base64
import hashlib
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("secrets")
YOURS = ("s3_key_id", "s3_key")


def main(folder: Path) -> None:
    """Write what is missing; end with 1 where something is left for a person to write."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in draw().items():
        _write_once(folder / name, value)
    _write_once(folder / "service_keys", key_line("page", (folder / "page_key").read_text().strip()))
    missing = [name for name in YOURS if not (folder / name).is_file()]
    if missing:
        sys.exit(
            f"make_secrets: write {' and '.join(missing)} into {folder}: the key that reaches your bucket."
        )


def draw() -> dict[str, str]:
    """Draw all at once, since some speak of the same password."""
    airflow, redis = secrets.token_hex(32), secrets.token_hex(32)
    return {
        "airflow_database": _database("airflow", airflow),
        "celery_results": f"db+{_database('airflow', airflow)}",
        "mlflow_database": _database("mlflow", secrets.token_hex(32)),
        "journal_database": _database("journal", secrets.token_hex(32)),
        "database_password": secrets.token_hex(32),
        "redis_configuration": f"requirepass {redis}",
        "celery_broker": f"redis://:{redis}@redis:6379/0",
        "airflow_fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "airflow_jwt_secret": secrets.token_hex(32),
        "airflow_password": secrets.token_urlsafe(16),
        "grafana_password": secrets.token_urlsafe(16),
        "mlflow_password": secrets.token_urlsafe(16),
        "page_key": f"carvalue.page.{secrets.token_urlsafe(32)}",  # as `carvalue keys new page` makes it
        "alert_urls": "console:",  # no secret until it names a webhook or a mailbox
    }


def key_line(client: str, key: str) -> str:
    """Spell what the price service keeps of a key."""
    return f"{client} sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _database(name: str, password: str) -> str:
    return f"postgresql://{name}:{password}@postgres:5432/{name}"


def _write_once(path: Path, value: str) -> None:
    if path.exists():
        return
    path.write_text(value)
    path.chmod(0o644)  # containers read it as another user; the folder lets nobody else in


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
