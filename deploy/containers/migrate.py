"""Migrate every database before a deployment: roles, databases, schemas and Airflow's administrator."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

ADMIN = Path(__file__).with_name("airflow_admin.py")
CHECK = Path(__file__).with_name("check_settings.py")
AIRFLOW, MLFLOW, JOURNAL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MLFLOW_BACKEND_STORE_URI", "JOURNAL_URL"


def main(settings: str = "") -> None:
    """Check the names of settings, then run every migration; each can be repeated.

    Args:
        settings: File or folder of the settings that all containers have; empty where Terraform checks them.
    """
    if settings:
        subprocess.run([sys.executable, CHECK, settings], check=True)  # noqa: S603
    urls = {name: os.environ[name] for name in (AIRFLOW, MLFLOW, JOURNAL)}
    if "DATABASE_PASSWORD" in os.environ:
        _create_databases(urls)
    _run("carvalue", "migrate")
    _run("airflow", "db", "migrate")
    subprocess.run([sys.executable, ADMIN], check=True)  # noqa: S603
    if _has_tables(urls[MLFLOW]):  # MLflow creates the tables of an empty database at its first start
        _run("mlflow", "db", "upgrade", urls[MLFLOW])


def _create_databases(urls: dict[str, str]) -> None:
    host, port, *_ = [*os.environ["DATABASE_HOST"].split(":"), "5432"]
    with psycopg.connect(
        host=host,
        port=port,
        user=os.environ["DATABASE_OWNER"],
        password=os.environ["DATABASE_PASSWORD"],
        dbname="postgres",
        connect_timeout=30,
        autocommit=True,  # CREATE DATABASE cannot run in a transaction
    ) as owner:
        for url in urls.values():
            _create_database(owner, url)


def _create_database(owner: psycopg.Connection, url: str) -> None:
    parts = urlsplit(url)
    user, name = sql.Identifier(parts.username or ""), parts.path.removeprefix("/")
    with owner.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [parts.username])
        verb = "ALTER" if cursor.fetchone() else "CREATE"
        change = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(parts.password))
        cursor.execute(change)  # the password follows the URL after a rotation
        cursor.execute(
            sql.SQL("GRANT {} TO CURRENT_USER").format(user)
        )  # the owner on RDS is not a superuser
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not cursor.fetchone():
            cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), user))
        cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def _has_tables(url: str) -> bool:
    with psycopg.connect(url, connect_timeout=30) as connection:
        return connection.execute("SELECT to_regclass('alembic_version')").fetchone() != (None,)


def _run(*command: str) -> None:
    subprocess.run([sys.executable, "-m", *command], check=True)  # noqa: S603


if __name__ == "__main__":
    main(*sys.argv[1:])
