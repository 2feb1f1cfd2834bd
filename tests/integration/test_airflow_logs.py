"""Airflow stores the log of a task in the bucket of STORAGE_URL, and shows it on another machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

from buckets import fake_s3, new_bucket
from carvalue.platform.airflow import airflow_environment
from carvalue.settings import Settings

LOG = "dag_id=creates_datasets_dag/run_id=r/task_id=clean/attempt=1.log"
UPLOAD = f"from airflow.sdk.log import load_remote_log_handler; load_remote_log_handler().upload({LOG!r})"
READ = f"""
import json
from airflow.logging_config import get_remote_task_log
print(json.dumps(get_remote_task_log().read({LOG!r}, None)))
"""


# Airflow reads its configuration at import and keeps it, so each machine is a process of its own
def _on_machine(folder: Path, program: str) -> str:
    settings = Settings(state_dir=folder, storage_url="s3://cars/storage")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | airflow_environment(settings) | {"STORAGE_URL": settings.storage_url},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


def test_the_log_of_a_task_is_read_on_another_machine(tmp_path: Path) -> None:
    log = tmp_path / "worker" / "logs" / "tasks" / LOG
    log.parent.mkdir(parents=True)
    log.write_text("cleaned 1,000 rows\n")

    with fake_s3() as address, new_bucket("cars", address=address):
        _on_machine(tmp_path / "worker", UPLOAD)
        shown = json.loads(_on_machine(tmp_path / "api", READ).splitlines()[-1])

    assert shown == [[f"s3://cars/storage/logs/{LOG}"], ["cleaned 1,000 rows\n"]]


def test_logs_stay_on_the_machine_without_a_bucket(tmp_path: Path) -> None:
    assert "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS" not in airflow_environment(Settings(state_dir=tmp_path))
