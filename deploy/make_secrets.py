"""Draw the passwords that compose.yaml mounts, one file each; what exists is kept.

Needs nothing but Python. The key of your S3 is yours to write: s3_key_id and s3_key.
"""

import argparse
import base64
import hashlib
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("secrets")
YOURS = ("s3_key_id", "s3_key")


def main(folder: Path, *, database: str) -> None:
    """Write what is missing; end with 1 where something is left for a person to write."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in draw(database).items():
        _write_once(folder / name, value)
    _write_once(folder / "service_keys", key_line("page", (folder / "page_key").read_text().strip()))
    missing = [name for name in YOURS if not (folder / name).is_file()]
    if missing:
        sys.exit(
            f"make_secrets: write {' and '.join(missing)} into {folder}: the key that reaches your bucket."
        )


def draw(database: str) -> dict[str, str]:
    """Draw all at once, since some speak of the same password; `database` is PostgreSQL's host and port."""
    airflow, redis = secrets.token_hex(32), secrets.token_hex(32)
    return {
        "airflow_database": _url("airflow", airflow, database),
        "celery_results": f"db+{_url('airflow', airflow, database)}",
        "mlflow_database": _url("mlflow", secrets.token_hex(32), database),
        "journal_database": _url("journal", secrets.token_hex(32), database),
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


def _url(name: str, password: str, database: str) -> str:
    return f"postgresql://{name}:{password}@{database}/{name}"


def _write_once(path: Path, value: str) -> None:
    if path.exists():
        return
    path.write_text(value)
    path.chmod(0o644)  # containers read it as another user; the folder lets nobody else in


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--database", metavar="HOST:PORT", default="postgres:5432", help="of PostgreSQL")
    chosen = parser.parse_args()
    main(chosen.folder, database=chosen.database)
