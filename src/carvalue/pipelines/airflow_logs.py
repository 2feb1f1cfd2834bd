"""Task logs in the bucket of STORAGE_URL, so that Airflow shows logs of tasks that ran on other machines.

Airflow loads this module by the option `logging_config_class`, and finds `REMOTE_TASK_LOG` in it.
"""

import os
from pathlib import Path

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.sdk.configuration import conf

from carvalue.files import Bucket, connect_bucket
from carvalue.settings import StateSettings, load_settings

LOGS = "logs"
"""The prefix of task logs in the storage."""

LOGGING_CONFIG = DEFAULT_LOGGING_CONFIG


class BucketLogs:
    """Airflow's `RemoteLogIO` over the bucket of STORAGE_URL."""

    processors = ()
    """No processors, because logs are stored when a task has ended."""

    def upload(self, path: os.PathLike[str] | str, ti: object = None) -> None:  # noqa: ARG002
        """Store the log of a task that has ended.

        Args:
            path: The file, relative to Airflow's log folder.
            ti: The task instance; ignored.

        Raises:
            StorageUnavailable: The bucket does not answer. Airflow logs it, and the task's result stands.
        """
        file = Path(conf.get("logging", "base_log_folder")) / path
        if file.is_file():
            _bucket().upload(file, Path(path).as_posix())

    def read(self, relative_path: str, ti: object) -> tuple[list[str], list[str]]:  # noqa: ARG002
        """Read the log of a task.

        Args:
            relative_path: The path of the log; logs of triggers have a longer one.
            ti: The task instance; ignored.

        Returns:
            Where the logs are, and the content of each.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        bucket = _bucket()
        logs = {key: bucket.get(key) for key in sorted(bucket.list(relative_path))}
        found = {key: log[0].decode(errors="replace") for key, log in logs.items() if log}
        return [f"s3://{bucket.name}/{bucket.prefix}/{key}" for key in found], list(found.values())


def _bucket() -> Bucket:
    return connect_bucket(f"{load_settings(StateSettings).storage_url}/{LOGS}")


REMOTE_TASK_LOG = BucketLogs()
