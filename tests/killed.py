"""A promotion that is killed at one of its writes, as a module that a subprocess can import."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from mlflow import MlflowClient

from carvalue.journal.decisions import DecisionLog
from carvalue.journal.store import Journal
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.versions import MlflowVersions
from carvalue.registry.registry import Registry

WRITES = (
    (MlflowClient, "set_registered_model_alias"),
    (MlflowClient, "transition_model_version_stage"),
    (MlflowClient, "set_model_version_tag"),
    (MlflowClient, "update_model_version"),
    (MlflowClient, "log_dict"),
    (MlflowClient, "log_artifact"),
    (MlflowClient, "set_terminated"),
    (DecisionLog, "append"),
    (DecisionLog, "mark_applied"),
)


def promote(*, uri: str, journal_url: str, arguments: Mapping[str, Any]) -> None:
    """Apply a judgement, with connections of its own."""
    with connect_mlflow(uri) as client:
        log = DecisionLog(Journal(journal_url))
        Registry(MlflowVersions(client), log, verify=lambda folder: None).apply(**arguments)


def promote_and_die(*, at_write: int, given: Mapping[str, Any]) -> None:
    """Promote, and be killed just before this write, counted from 1; succeed if there are fewer."""
    writes = iter(range(1, at_write + 1))

    def deadly(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(writes) == at_write:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*args, **kwargs)

        return call

    for owner, name in WRITES:
        patch.object(owner, name, deadly(getattr(owner, name))).start()
    promote(**given)
