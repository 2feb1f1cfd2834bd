"""Generate the secrets that deployments mount, one file each, and the file of settings; keep existing files.

It needs nothing but Python. Write the key of your S3 bucket into the files s3_key_id and s3_key yourself.
"""

import argparse
import base64
import hashlib
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("secrets")
SETTINGS = "settings.env"
EXAMPLE = Path(__file__).with_name("settings.env.example")
RATE_LIMITS = "user limits on ~carvalue:* +evalsha +eval +script|load +lindex +lpush +ltrim +expire"
"""The user of Redis with which the price service counts requests: it reaches none of Celery's queues."""
MANUAL = ("s3_key_id", "s3_key")


def main(folder: Path, *, database: str) -> None:
    """Write the missing files; exit with 1 if a file is left that a person has to write.

    Args:
        folder: Folder of the secrets; it is created if needed. The settings are beside it.
        database: Host and port of PostgreSQL.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in generate(database).items():
        _write_once(folder / name, value)
    _write_once(folder / "service_keys", key_line("page", (folder / "page_key").read_text().strip()))
    _write_once(folder.parent / SETTINGS, EXAMPLE.read_text())
    missing = [name for name in MANUAL if not (folder / name).is_file()]
    if missing:
        sys.exit(f"make_secrets: write the key of your bucket into {folder}: {' and '.join(missing)}.")


def generate(database: str) -> dict[str, str]:
    """Generate all secrets; some contain the same password.

    Args:
        database: Host and port of PostgreSQL.

    Returns:
        File name -> content.
    """
    airflow, redis = secrets.token_hex(32), secrets.token_hex(32)
    return {
        "airflow_database": _url("airflow", airflow, database),
        "celery_results": f"db+{_url('airflow', airflow, database)}",
        "mlflow_database": _url("mlflow", secrets.token_hex(32), database),
        "journal_database": _url("journal", secrets.token_hex(32), database),
        "database_password": secrets.token_hex(32),
        "redis_configuration": f"requirepass {redis}\n{RATE_LIMITS} >{secrets.token_hex(32)}\n",
        "celery_broker": f"redis://:{redis}@redis:6379/0",
        "airflow_fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "airflow_jwt_secret": secrets.token_hex(32),
        "airflow_password": secrets.token_urlsafe(16),
        "grafana_password": secrets.token_urlsafe(16),
        "mlflow_password": secrets.token_urlsafe(16),
        "page_key": f"carvalue.page.{secrets.token_urlsafe(32)}",  # the format of `carvalue keys new page`
        "operator_key": secrets.token_urlsafe(16),
        "alert_urls": "console:",  # add webhooks or mailboxes here
        "rate_limit_redis": "",  # empty: each replica of the price service counts requests for itself
        "bundle_signing_key": "",  # empty: published versions are not signed
        "bundle_public_key": "",
        "s3_read_key_id": "",  # with BUNDLE_URL in S3: a key that may only read there, of the price service
        "s3_read_key": "",
    }


def key_line(client: str, key: str) -> str:
    """Format an API key as the price service stores it.

    Args:
        client: Name of the client.
        key: The key.

    Returns:
        Name and SHA-256 of the key.
    """
    return f"{client} sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _url(name: str, password: str, database: str) -> str:
    return f"postgresql://{name}:{password}@{database}/{name}"


def _write_once(path: Path, value: str) -> None:
    if path.exists():
        return
    path.write_text(value)
    path.chmod(0o644)  # containers read it as another user; the folder is closed to other users of the host


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument(
        "--database", metavar="HOST:PORT", default="postgres:5432", help="address of PostgreSQL"
    )
    chosen = parser.parse_args()
    main(chosen.folder, database=chosen.database)
