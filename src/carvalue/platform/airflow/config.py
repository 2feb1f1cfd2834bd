"""Airflow's configuration on one machine: SQLite, LocalExecutor and one user."""

import json
from importlib.resources import files
from pathlib import Path

from carvalue.files import atomic_write
from carvalue.settings import Settings, StateSettings

DAGS_FOLDER = Path(str(files("carvalue.pipelines") / "airflow_dags"))
"""Folder of the DAG files within the installed package."""
PLUGINS_FOLDER = Path(str(files("carvalue.pipelines") / "airflow_plugins"))
"""Folder of the Airflow plugins within the installed package."""
BUCKET_LOGS = "carvalue.pipelines.airflow_logs.LOGGING_CONFIG"


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables for every Airflow option that differs from Airflow's default.

    Args:
        settings: State directory, port, parallel tasks, user and password of Airflow.

    Returns:
        Variable name -> value.

    Examples:
        >>> airflow_environment(Settings(airflow_user="ann"))["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
        'ann:admin'
    """
    state = settings.state_dir
    options = {
        "CORE__DAGS_FOLDER": str(DAGS_FOLDER),
        "CORE__PLUGINS_FOLDER": str(PLUGINS_FOLDER),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(settings.parallel_tasks),
        "CELERY__WORKER_CONCURRENCY": str(settings.parallel_tasks),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # DAGs run without a first click in the web interface
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.airflow_user}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(settings)),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{settings.airflow_port}/execution/",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default queries a name server and may hang
        "API__INSTANCE_NAME": "carvalue",
        "API__WORKERS": "1",
        "LOGGING__BASE_LOG_FOLDER": str(state / "logs" / "tasks"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(state / "logs" / "dags"),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",  # seconds until a new DAG file is read
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # seconds until a killed task is retried
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    }
    if settings.storage_url.startswith("s3:"):  # tasks may run on machines that others cannot read
        options["LOGGING__LOGGING_CONFIG_CLASS"] = BUCKET_LOGS
    return {f"AIRFLOW__{name}": value for name, value in options.items()} | {
        "AIRFLOW_HOME": str(state / "airflow"),
        "SPT_NOENV": "1",  # setproctitle must not overwrite the environment, which identifies orphans
    }


def passwords_file(settings: StateSettings) -> Path:
    """Return the file in which Airflow's simple auth manager looks up passwords.

    Args:
        settings: State directory of the platform.

    Returns:
        The absolute path; the file may not exist yet.
    """
    return settings.state_dir / "airflow" / "passwords.json"


def write_passwords(settings: Settings) -> None:
    """Write the password of the one Airflow user into a file that only its owner can read.

    Args:
        settings: User and password of Airflow, and the state directory.
    """
    path = passwords_file(settings)
    passwords = {settings.airflow_user: settings.airflow_password.get_secret_value()}
    with atomic_write(path, mode=0o600) as temporary:
        temporary.write_text(json.dumps(passwords))
