"""The service specifications are complete, and settings reach the processes."""

import sys
from pathlib import Path

from pydantic import SecretStr

from carvalue.platform.services import platform_services
from carvalue.platform.spec import ServiceSpec
from carvalue.settings import Settings


def test_every_service_comes_after_those_that_it_needs() -> None:
    known: set[str] = set()
    for service in platform_services(Settings()):
        assert known.issuperset(service.needs), service.name
        known.add(service.name)


def test_every_port_can_be_moved_by_a_setting_of_its_name() -> None:
    for service in platform_services(Settings()):
        if service.port:
            assert getattr(Settings(), service.port_setting.lower()) == service.port


def test_services_listen_where_the_settings_say() -> None:
    found = {
        service.name: service for service in platform_services(Settings(mlflow_port=5001, airflow_port=8081))
    }

    assert found["mlflow"].health
    assert found["mlflow"].health.url == "http://127.0.0.1:5001/health"
    assert "5001" in found["mlflow"].command
    assert found["price-service"].environment["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5001"
    assert (
        found["airflow-scheduler"]
        .environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
        .startswith("http://127.0.0.1:8081/")
    )


def test_a_foreign_mlflow_is_not_started() -> None:
    names = {
        service.name for service in platform_services(Settings(mlflow_tracking_uri="http://mlflow.example"))
    }

    assert "mlflow" not in names


def test_a_journal_on_a_server_gets_its_tables_before_the_service_writes() -> None:
    at_home = {service.name for service in platform_services(Settings())}
    url = "postgresql://journal:secret@db.example/journal"
    elsewhere = {service.name: service for service in platform_services(Settings(journal_url=url))}

    assert "journal-tables" not in at_home
    assert elsewhere["journal-tables"].environment["JOURNAL_URL"] == url
    assert "journal-tables" in elsewhere["price-service"].needs


def test_only_page_and_price_service_can_be_bound_off_loopback() -> None:
    settings = Settings(bind_host="0.0.0.0", airflow_password="of my own")
    found = {service.name: service for service in platform_services(settings)}

    assert [name for name, service in found.items() if "0.0.0.0" in service.command] == []
    for name in ("airflow-api-server", "mlflow"):
        place = found[name].command.index("--host")
        assert found[name].command[place + 1] == "127.0.0.1"
    assert found["watcher"].environment["BIND_HOST"] == "127.0.0.1"
    assert {found[name].environment["BIND_HOST"] for name in ("page", "price-service")} == {"0.0.0.0"}


def our_own(settings: Settings) -> list[ServiceSpec]:
    return [service for service in platform_services(settings) if service.command[0] == sys.executable]


def test_paths_do_not_depend_on_where_a_service_runs(tmp_path: Path) -> None:
    for service in our_own(Settings(state_dir=tmp_path / "var")):
        assert service.environment["STATE_DIR"] == str(tmp_path / "var")


def test_bytecode_is_cached_even_where_the_environment_forbids_it() -> None:
    assert all(service.environment["PYTHONDONTWRITEBYTECODE"] == "" for service in our_own(Settings()))


def test_each_service_gets_only_the_secrets_that_it_needs() -> None:
    settings = Settings(service_keys=SecretStr("page sha256:0"), service_api_key=SecretStr("the key itself"))
    found = {service.name: service.environment for service in platform_services(settings)}

    having = {
        secret: {name for name, given in found.items() if secret in given.values()}
        for secret in ("page sha256:0", "the key itself")
    }
    assert having == {"page sha256:0": {"price-service"}, "the key itself": {"page"}}
    assert all("**" not in str(given) for given in found.values())


def test_the_tasks_reach_the_journal_and_the_dags_their_schedule() -> None:
    url = "postgresql://journal:secret@db.example/journal"
    found = {
        item.name: item for item in platform_services(Settings(journal_url=url, retrain_schedule="@weekly"))
    }

    assert found["airflow-scheduler"].environment["JOURNAL_URL"] == url
    assert found["airflow-dag-processor"].environment["RETRAIN_SCHEDULE"] == "@weekly"
    assert found["airflow-dag-processor"].environment["FIRST_MODEL"] == "manual"  # `make build` starts it
    assert "RETRAIN_SCHEDULE" not in found["price-service"].environment


def test_no_command_line_contains_a_secret() -> None:
    """Every account of the machine can read command lines."""
    settings = Settings(
        bind_host="0.0.0.0",
        journal_url="postgresql://journal:SECRET@db.example/journal",
        service_keys=SecretStr("page sha256:SECRET"),
        service_api_key=SecretStr("carvalue.page.SECRET"),
        alert_urls=SecretStr("https://hooks.example/SECRET,smtp://me:SECRET@m.example/?from=a@b.c&to=d@e.f"),
        airflow_password=SecretStr("SECRET"),
    )

    for service in platform_services(settings):
        assert "SECRET" not in " ".join(service.command), service.name
