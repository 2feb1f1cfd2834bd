"""Airflow's configuration on one machine: SQLite, LocalExecutor, one user, quick to start."""

import json
import os
from importlib.resources import files
from pathlib import Path

from carvalue.settings import Settings

DAGS_FOLDER = Path(str(files("carvalue.pipelines") / "airflow_dags"))
PARALLEL_TASKS = 2  # every DAG is a chain, so one task of each at most; each slot holds a process


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Name every Airflow option that differs from Airflow's default, with its reason."""
    state = settings.state_dir.resolve()
    options = {
        "CORE__DAGS_FOLDER": str(DAGS_FOLDER),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(PARALLEL_TASKS),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # nobody should have to press a switch first
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.airflow_user}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(settings)),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{settings.airflow_port}/execution/",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks a name server, which may hang
        "API__INSTANCE_NAME": "carvalue",
        "API__WORKERS": "1",
        "LOGGING__BASE_LOG_FOLDER": str(state / "logs" / "tasks"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(state / "logs" / "dags"),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",  # a new DAG file is seen within seconds
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # a task that was killed is tried again soon
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    }
    return {f"AIRFLOW__{name}": value for name, value in options.items()} | {
        "AIRFLOW_HOME": str(state / "airflow"),
        "SPT_NOENV": "1",  # process titles must not overwrite the environment: leftovers are known by it
    }


def passwords_file(settings: Settings) -> Path:
    """Tell where Airflow's user manager looks passwords up."""
    return settings.state_dir.resolve() / "airflow" / "passwords.json"


def write_passwords(settings: Settings) -> None:
    """Let the one user in with the password of the settings, readable by nobody else on this machine."""
    path = passwords_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({settings.airflow_user: settings.airflow_password.get_secret_value()}, file)
    aside.replace(path)
