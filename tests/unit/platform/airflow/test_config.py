"""Airflow's user and password come from the settings, and only the owner can read them."""

import json
import stat
from pathlib import Path

from carvalue.platform.airflow.config import airflow_environment, passwords_file, write_passwords
from carvalue.settings import Settings


def test_the_password_is_the_one_of_the_settings(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"state_dir": tmp_path, "airflow_user": "ann", "airflow_password": 'x"y'}
    )

    write_passwords(settings)
    write_passwords(settings)

    path = passwords_file(settings)
    assert json.loads(path.read_text()) == {"ann": 'x"y'}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    environment = airflow_environment(settings)
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "ann:admin"
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] == str(path)


def test_the_number_of_parallel_tasks_is_a_setting() -> None:
    environment = airflow_environment(Settings(parallel_tasks=5))

    assert (
        environment["AIRFLOW__CORE__PARALLELISM"] == environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "5"
    )


def test_the_api_server_loads_the_protection_against_foreign_pages() -> None:
    folder = Path(airflow_environment(Settings())["AIRFLOW__CORE__PLUGINS_FOLDER"])

    assert "BrowserProtection" in (folder / "browser_protection.py").read_text()
