"""Mark the version in production in MLflow: by alias, by stage and by tag.

The alias `production` is authoritative. The stage and the tag `status` of each version are copies of it, for
people who use MLflow's user interface. Every switch updates the copies of all versions, so that it also
repairs those of an interrupted switch.
"""

import logging
import warnings

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered
from mlflow.exceptions import MlflowException

from carvalue.registry.model_version import MODEL_NAME, PREVIOUS, PRODUCTION

logger = logging.getLogger(__name__)

STATUS_TAG = "status"
"""The tag with a version's status: production, archived or candidate."""
NONE = "None"
STATUS_BY_STAGE = {"Production": "production", "Archived": "archived", NONE: "candidate"}


def set_production(client: MlflowClient, *, version: str) -> None:
    """Point the alias `production` to a version, and `previous` to the one before; idempotent.

    Args:
        client: The MLflow client.
        version: The version's number.
    """
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
    """Find the version that has an alias.

    Args:
        client: The MLflow client.
        alias: The alias.

    Returns:
        MLflow's model version; None if no version has the alias.
    """
    try:
        return client.get_model_version_by_alias(MODEL_NAME, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def mirror_stages(client: MlflowClient) -> None:
    """Set the stage and the status tag of every version according to the alias `production`.

    Args:
        client: The MLflow client.
    """
    production = version_by_alias(client, PRODUCTION)
    for version in client.search_model_versions(f"name='{MODEL_NAME}'"):
        stage = _stage(version, production)
        if version.current_stage != stage:
            _set_stage(client, version, stage)
        if version.tags.get(STATUS_TAG) != STATUS_BY_STAGE[stage]:
            client.set_model_version_tag(MODEL_NAME, version.version, STATUS_TAG, STATUS_BY_STAGE[stage])


def _stage(version: Registered, production: Registered | None) -> str:
    """Choose a version's stage; a version that leaves production becomes archived, not a candidate again."""
    if production is not None and version.version == production.version:
        return "Production"
    was_in_production = version.current_stage in {"Production", "Archived"} or PREVIOUS in version.aliases
    return "Archived" if was_in_production else NONE


def _set_stage(client: MlflowClient, version: Registered, stage: str) -> None:
    with warnings.catch_warnings():
        # MLflow deprecates stages in favour of aliases; they are only copies here
        warnings.filterwarnings(
            "ignore", message=".*transition_model_version_stage.*", category=FutureWarning
        )
        client.transition_model_version_stage(MODEL_NAME, version.version, stage)
