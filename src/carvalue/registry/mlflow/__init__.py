"""The MLflow adapter: training runs, and the store of versions, aliases and bundles."""

from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.tracking import RunDescription, git_commit, resume_run, start_run
from carvalue.registry.mlflow.versions import MlflowVersions

__all__ = [
    "MlflowVersions",
    "RunDescription",
    "connect_mlflow",
    "git_commit",
    "resume_run",
    "start_run",
]
