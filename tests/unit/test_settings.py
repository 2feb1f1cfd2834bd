"""An invalid setting stops a command before any work, with one line that names the setting."""

from pathlib import Path

import pytest

from carvalue.settings import InvalidSetting, load_settings


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env; the variables are taken away for every test."""
    monkeypatch.chdir(tmp_path)


def test_defaults_work_on_a_bare_machine() -> None:
    assert load_settings().data_source == "auto"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATA_SOURCE", "nowhere.csv", "the path of an existing .csv or .zip file"),
        ("DATA_SOURCE", "kagle", "expected auto, kaggle, sample"),
        ("DATASET", "autos.csv", "the path of an existing .toml file"),
        ("SAMPLE_ROWS", "many", "valid integer"),
        ("SAMPLE_ROWS", "10", "greater than or equal to 1000"),
        ("SERVICE_PORT", "70000", "less than or equal to 65535"),
        ("SERVICE_URL", "localhost:9696", "expected a URL such as"),
        ("MLFLOW_TRACKING_URI", "mlruns", "expected a URL such as"),
        ("SPOOL_LIMIT_MB", "0", "greater than or equal to 1"),
        ("RATE_LIMIT", "-1", "greater than or equal to 0"),
        ("TRAINING_BUDGET", "huge", "'auto', 'quick' or 'default'"),
        ("TRAINING_CLUSTER", "scheduler:8786", "expected a Dask scheduler's address such as"),
        ("OPERATOR_LINKS", "https://airflow.example", "expected NAME=URL"),
        ("BIND_HOST", "0.0.0.0", "AIRFLOW_PASSWORD"),
        ("ALLOWED_HOSTS", "http://prices.example.com", "without scheme and port"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSetting) as caught:
        load_settings()

    line = str(caught.value)
    assert name in line
    assert value in line
    assert expected in line
    assert "\n" not in line
    assert line.count(" is ") == 1  # no other setting is blamed


def test_a_file_path_is_a_data_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw = tmp_path / "vehicles.csv"
    raw.write_text("id\n")
    monkeypatch.setenv("DATA_SOURCE", str(raw))

    assert load_settings().data_source == str(raw)


def test_a_column_mapping_needs_a_data_source_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "autos.toml").touch()
    monkeypatch.setenv("DATASET", "autos.toml")

    with pytest.raises(InvalidSetting, match="DATA_SOURCE is 'auto', whose columns are known"):
        load_settings()


def test_addresses_follow_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_PORT", "5001")
    monkeypatch.setenv("SERVICE_URL", "http://prices.example:80")

    settings = load_settings()

    assert settings.mlflow_tracking_uri == "http://127.0.0.1:5001"
    assert settings.service_url == "http://prices.example:80"


def test_operator_links_lead_to_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_PORT", "8081")
    here = load_settings().links
    monkeypatch.setenv("OPERATOR_LINKS", "Airflow=https://cars.example:8443, Grafana=https://cars.example/g")

    assert here["Airflow"] == "http://127.0.0.1:8081"
    assert here.keys() == {"Airflow", "MLflow", "Prometheus", "Grafana", "API"}
    assert load_settings().links == {
        "Airflow": "https://cars.example:8443",
        "Grafana": "https://cars.example/g",
    }


def test_the_journal_follows_the_state_and_its_password_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STATE_DIR", "elsewhere")
    by_default = load_settings().journal_url.get_secret_value()
    monkeypatch.setenv("JOURNAL_URL", "mysql://owner:hidden@host/journal")

    with pytest.raises(InvalidSetting, match="expected sqlite:///PATH or postgresql:") as caught:
        load_settings()

    assert by_default == "sqlite:///elsewhere/service/journal.db"
    assert "JOURNAL_URL" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_off_loopback_clients_are_limited_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = load_settings()
    monkeypatch.setenv("BIND_HOST", "0.0.0.0")
    monkeypatch.setenv("AIRFLOW_PASSWORD", "of my own")
    reachable = load_settings()
    monkeypatch.setenv("RATE_LIMIT", "2.5")
    chosen = load_settings()

    assert [(item.rate_limit, item.rate_burst) for item in (here, reachable, chosen)] == [
        (0, 1),
        (50, 100),
        (2.5, 6),
    ]


def test_an_mlflow_database_url_is_not_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")

    assert "MLflow" not in load_settings().links


def test_a_password_in_a_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://operator:hunter2@mlflow.example")

    with pytest.raises(InvalidSetting) as caught:
        load_settings()

    assert "ftp://***@mlflow.example" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_links_for_visitors_contain_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://operator:hunter2@mlflow.example")

    assert load_settings().links["MLflow"] == "http://mlflow.example"
    assert load_settings().mlflow_tracking_uri == "http://operator:hunter2@mlflow.example"


def test_a_journal_password_with_an_at_sign_must_be_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_URL", "postgresql://journal:hun@ter2@db.example/journal")

    with pytest.raises(InvalidSetting, match="%40") as caught:
        load_settings()

    assert "ter2" not in str(caught.value)


def test_alerts_do_not_go_to_a_link_local_address_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", "console:,http://169.254.169.254/SECRET")

    with pytest.raises(InvalidSetting, match="ALERT_LINK_LOCAL") as caught:
        load_settings()
    assert "SECRET" not in str(caught.value)

    monkeypatch.setenv("ALERT_LINK_LOCAL", "true")
    assert len(load_settings().notifier_urls) == 2
