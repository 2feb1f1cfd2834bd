"""List every process of the platform on one machine."""

import sys
from collections.abc import Mapping
from dataclasses import replace

from carvalue.pipelines import THREAD_ENVIRONMENT
from carvalue.platform.airflow import airflow_environment
from carvalue.platform.observability import observability_services, own_alertmanager_url
from carvalue.platform.spec import LOOPBACK, HealthCheck, ServiceSpec, local_url
from carvalue.settings import (
    SECRETS,
    DataSettings,
    PlatformSettings,
    RetrainingSettings,
    ScheduleSettings,
    Settings,
    TrainingSettings,
)

TASK_SETTINGS = (*DataSettings.model_fields, *TrainingSettings.model_fields)
"""Settings that only the pipelines read; Airflow's scheduler passes them to its tasks."""
WATCHER_SETTINGS = (*RetrainingSettings.model_fields, "alert_link_local", "alertmanager_url")
"""Settings that only the watcher reads."""
PRIVATE_SETTINGS = (
    "journal_url",
    *PlatformSettings.model_fields,
    *ScheduleSettings.model_fields,
    *WATCHER_SETTINGS,
)
"""Settings that only some services read, or none."""


def platform_services(settings: Settings) -> tuple[ServiceSpec, ...]:
    """List the services of the platform.

    Args:
        settings: Settings of the platform.

    Returns:
        The services, each after those that it needs.

    Examples:
        >>> [service.name for service in platform_services(Settings())][:3]
        ['airflow-database', 'mlflow', 'airflow-api-server']
    """
    alertmanager = {"alertmanager_url": alertmanager_url(settings)}
    own_mlflow = settings.mlflow_tracking_uri == local_url(settings.mlflow_port)
    return (
        _airflow_database(settings),
        *([_mlflow(settings)] if own_mlflow else []),
        _airflow_api(settings),
        _dag_processor(settings),
        _scheduler(settings),
        *([_journal_tables(settings)] if _has_journal_server(settings) else []),
        price_service_spec(settings),
        _page(settings),
        watcher_spec(settings.model_copy(update=alertmanager)),
        _airflow_part(settings, "triggerer", purpose="waits for deferred tasks"),
        *observability_services(settings),
    )


def alertmanager_url(settings: Settings) -> str:
    """Return the address of the Alertmanager that the watcher sends its alerts to.

    Args:
        settings: Settings of the platform.

    Returns:
        The URL; empty where there is none.
    """
    return settings.alertmanager_url or own_alertmanager_url(settings)


def shared_environment(settings: Settings) -> dict[str, str]:
    """Return the environment that all services share.

    Paths are absolute, so that a service does not depend on the folder in which it starts. Secrets and
    settings that only some services read are left out. So are the settings that only tasks read, because
    a changed environment restarts a service.

    Args:
        settings: Settings of the platform.

    Returns:
        Variable name -> value.
    """
    chosen = settings.model_dump(mode="json", exclude={*SECRETS, *PRIVATE_SETTINGS, *TASK_SETTINGS})
    return {
        **_as_variables(chosen),
        "AIRFLOW_PASSWORD": settings.airflow_password.get_secret_value(),  # checked off loopback
        "PYTHONDONTWRITEBYTECODE": "",  # empty: cache bytecode, which makes starts faster
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # loading a model must not run code
    }


def task_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the pipelines' tasks.

    Args:
        settings: Settings of the pipelines.

    Returns:
        Variable name -> value.

    Examples:
        >>> task_environment(Settings(sample_rows=4_000))["SAMPLE_ROWS"]
        '4000'
    """
    return _as_variables(settings.model_dump(mode="json", include=set(TASK_SETTINGS))) | THREAD_ENVIRONMENT


def _as_variables(values: Mapping[str, object]) -> dict[str, str]:
    return {name.upper(): str(value) for name, value in values.items()}


def _airflow_database(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="airflow-database",
        purpose="migrates Airflow's database, then ends",
        command=_python("airflow", "db", "migrate"),
        environment=_airflow_environment(settings),
    )


def _airflow_api(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="airflow-api-server",
        purpose="Airflow's web interface and API",
        command=_python("airflow", "api-server", "--host", LOOPBACK, "--port", str(settings.airflow_port)),
        environment=_airflow_environment(settings),
        health=HealthCheck(url=f"{local_url(settings.airflow_port)}/api/v2/version"),
        needs=("airflow-database",),
        port=settings.airflow_port,
        port_setting="AIRFLOW_PORT",
        address=local_url(settings.airflow_port),
    )


def _airflow_part(settings: Settings, part: str, *, purpose: str) -> ServiceSpec:
    # their log servers bind 0.0.0.0, and on one machine the API server reads the log files itself
    options = () if part == "dag-processor" else ("--skip-serve-logs",)
    return ServiceSpec(
        name=f"airflow-{part}",
        purpose=purpose,
        command=_python("airflow", part, *options),
        environment=_airflow_environment(settings),
        health=HealthCheck(
            url=f"{local_url(settings.airflow_port)}/api/v2/monitor/health", component=part.replace("-", "_")
        ),
        needs=("airflow-api-server",),  # a task fails if it starts before the API answers
    )


def _dag_processor(settings: Settings) -> ServiceSpec:
    part = _airflow_part(settings, "dag-processor", purpose="reads the DAG files")
    schedule = {"RETRAIN_SCHEDULE": settings.retrain_schedule, "FIRST_MODEL": settings.first_model}
    return replace(part, environment={**part.environment, **schedule})


def _scheduler(settings: Settings) -> ServiceSpec:
    part = _airflow_part(settings, "scheduler", purpose="runs the tasks of all DAGs")
    return replace(part, environment={**part.environment, **task_environment(settings), **_journal(settings)})


def _mlflow(settings: Settings) -> ServiceSpec:
    home = settings.state_dir.resolve() / "mlflow"
    port = settings.mlflow_port
    arguments = {
        "--host": LOOPBACK,
        "--port": str(port),
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{home}/mlflow.db",
        "--artifacts-destination": str(home / "artifacts"),
        "--allowed-hosts": f"localhost:{port},{LOOPBACK}:{port}",
    }
    return ServiceSpec(
        name="mlflow",
        purpose="tracks experiments, holds the model registry",
        command=_python("mlflow", "server", *(part for pair in arguments.items() for part in pair)),
        # saves three processes and 800 MB; this project runs no MLflow jobs
        environment=shared_environment(settings) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        health=HealthCheck(url=f"{local_url(port)}/health"),
        port=port,
        port_setting="MLFLOW_PORT",
        address=local_url(port),
    )


def _has_journal_server(settings: Settings) -> bool:
    return settings.journal_url.get_secret_value().startswith("postgresql")


def _journal_tables(settings: Settings) -> ServiceSpec:
    return ServiceSpec(
        name="journal-tables",
        purpose="migrates the journal's tables, then ends",
        command=_python("carvalue", "migrate"),
        environment=shared_environment(settings) | _journal(settings),
    )


def price_service_spec(settings: Settings) -> ServiceSpec:
    """Describe the price service.

    Args:
        settings: Settings of the platform.

    Returns:
        The service.

    Examples:
        >>> price_service_spec(Settings(service_port=9_000)).address
        'http://127.0.0.1:9000/docs'
    """
    address = local_url(settings.service_port)
    keys = {"SERVICE_KEYS": settings.service_keys.get_secret_value()}
    return ServiceSpec(
        name="price-service",
        purpose="prices cars over HTTP",
        command=_python("carvalue.serving"),
        environment=shared_environment(settings) | _journal(settings) | keys,
        health=HealthCheck(url=f"{address}/healthz", ready=f"{address}/readyz"),
        needs=("journal-tables",) if _has_journal_server(settings) else (),
        port=settings.service_port,
        port_setting="SERVICE_PORT",
        address=f"{address}/docs",
        has_access_log=True,
    )


def _journal(settings: Settings) -> dict[str, str]:
    is_set = "journal_url" in settings.model_fields_set  # the default depends on STATE_DIR
    return {"JOURNAL_URL": settings.journal_url.get_secret_value() if is_set else ""}


def _page(settings: Settings) -> ServiceSpec:
    address = local_url(settings.page_port)
    key = {"SERVICE_API_KEY": settings.service_api_key.get_secret_value()}
    return ServiceSpec(
        name="page",
        purpose="prices cars in a browser",
        command=_python("carvalue.web"),
        environment=shared_environment(settings) | key,
        health=HealthCheck(url=f"{address}/_stcore/health"),
        port=settings.page_port,
        port_setting="PAGE_PORT",
        address=address,
    )


def watcher_spec(settings: Settings) -> ServiceSpec:
    """Describe the watcher.

    Args:
        settings: Settings of the platform.

    Returns:
        The service.
    """
    address = local_url(settings.watcher_port)
    own = _as_variables(settings.model_dump(mode="json", include=set(WATCHER_SETTINGS)))
    own["ALERT_URLS"] = settings.alert_urls.get_secret_value()
    return ServiceSpec(
        name="watcher",
        purpose="detects drift, sends alerts, starts retrainings",
        command=_python("carvalue.monitoring.watcher"),
        environment=shared_environment(settings) | _journal(settings) | own | {"BIND_HOST": LOOPBACK},
        health=HealthCheck(url=f"{address}/healthz"),
        port=settings.watcher_port,
        port_setting="WATCHER_PORT",
        address=address,
    )


def _airflow_environment(settings: Settings) -> dict[str, str]:
    return shared_environment(settings) | airflow_environment(settings)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
