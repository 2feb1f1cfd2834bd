"""The MLflow adapter: training runs, model versions, aliases and bundles."""

from carvalue.registry.mlflow.bundles import fetch_bundle, to_model_version
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.stages import STATUS_TAG, set_production, version_by_alias
from carvalue.registry.mlflow.tracking import RunDescription, git_commit, resume_run, start_run
from carvalue.registry.mlflow.versions import register_version

__all__ = [
    "STATUS_TAG",
    "RunDescription",
    "connect_mlflow",
    "fetch_bundle",
    "git_commit",
    "register_version",
    "resume_run",
    "set_production",
    "start_run",
    "to_model_version",
    "version_by_alias",
]
