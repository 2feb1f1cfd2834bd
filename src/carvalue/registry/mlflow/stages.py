"""Which version is in production, told in three ways that always agree: alias, stage, tag.

The alias `production` is the truth. Stage and tag are mirrors of it for people who look at MLflow's pages;
the mirrors of every version are set anew each time, so that the next switch completes one that broke off.
"""

import logging
import warnings

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered
from mlflow.exceptions import MlflowException

from carvalue.registry.model_version import MODEL_NAME, PREVIOUS, PRODUCTION

logger = logging.getLogger(__name__)

STATUS_TAG = "status"
NONE = "None"
STATUS_BY_STAGE = {"Production": "production", "Archived": "archived", NONE: "candidate"}


def set_production(client: MlflowClient, *, version: str) -> None:
    """Put a version into production; the one that was there becomes `previous`. Twice is the same as once."""
    current = version_by_alias(client, PRODUCTION)
    if current is None or current.version != version:
        if current is not None:
            client.set_registered_model_alias(MODEL_NAME, PREVIOUS, current.version)
        client.set_registered_model_alias(MODEL_NAME, PRODUCTION, version)
        logger.info(
            "version in production", extra={"version": version, "earlier": current and current.version}
        )
    mirror_stages(client)


def version_by_alias(client: MlflowClient, alias: str) -> Registered | None:
    """Find the version that bears an alias."""
    try:
        return client.get_model_version_by_alias(MODEL_NAME, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def mirror_stages(client: MlflowClient) -> None:
    """Make stage and tag of every version say what the alias says."""
    production = version_by_alias(client, PRODUCTION)
    for version in client.search_model_versions(f"name='{MODEL_NAME}'"):
        stage = _stage(version, production)
        if version.current_stage != stage:
            _set_stage(client, version, stage)
        if version.tags.get(STATUS_TAG) != STATUS_BY_STAGE[stage]:
            client.set_model_version_tag(MODEL_NAME, version.version, STATUS_TAG, STATUS_BY_STAGE[stage])


def _stage(version: Registered, production: Registered | None) -> str:
    """Say where a version stands: once in production, it is archived afterwards, never a candidate again."""
    if production is not None and version.version == production.version:
        return "Production"
    was_there = version.current_stage in {"Production", "Archived"} or PREVIOUS in version.aliases
    return "Archived" if was_there else NONE


def _set_stage(client: MlflowClient, version: Registered, stage: str) -> None:
    with warnings.catch_warnings():
        # stages are deprecated in favour of aliases; we keep them as a mirror, knowingly
        warnings.filterwarnings(
            "ignore", message=".*transition_model_version_stage.*", category=FutureWarning
        )
        client.transition_model_version_stage(MODEL_NAME, version.version, stage)
