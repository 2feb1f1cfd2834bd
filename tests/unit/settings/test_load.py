"""An invalid setting stops a command before any work, with one line that names the setting."""

from pathlib import Path

import pytest

from carvalue.settings import (
    RENAMED,
    DataSettings,
    InvalidSetting,
    ServiceSettings,
    check_deployed,
    load_settings,
    load_usable_settings,
    paths,
)
from carvalue.settings.load import NAMES
from carvalue.settings.paths import find_checkout


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env; the variables are taken away for every test."""
    monkeypatch.chdir(tmp_path)


def test_defaults_work_on_a_bare_machine() -> None:
    assert load_settings().data_source == "auto"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATA_SOURCE", "cars.xlsx", "the path of a file that ends in .csv, .zip, .parquet"),
        ("DATA_SOURCE", "kagle", "expected auto, kaggle, sample"),
        ("DATASET", "autos.csv", "the path of a .toml file"),
        ("SAMPLE_ROWS", "many", "valid integer"),
        ("SAMPLE_ROWS", "10", "greater than or equal to 1000"),
        ("SERVICE_PORT", "70000", "less than or equal to 65535"),
        ("SERVICE_URL", "localhost:9696", "expected a URL such as"),
        ("MLFLOW_TRACKING_URI", "mlruns", "expected a URL such as"),
        ("OUTBOX_LIMIT_MB", "0", "greater than or equal to 1"),
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


@pytest.mark.parametrize(("earlier", "name"), RENAMED.items())
def test_a_setting_is_read_under_its_earlier_name_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, earlier: str, name: str
) -> None:
    (tmp_path / ".env").write_text(f"{earlier.lower()}=7\n")
    by_file = load_settings(ServiceSettings)
    warnings = caplog.messages.copy()
    monkeypatch.setenv(earlier, "8")
    by_environment = load_settings()
    monkeypatch.setenv(name, "9")
    caplog.clear()
    under_both_names = load_settings()

    assert getattr(by_file, name.lower()) == 7
    assert warnings == [f"{earlier} has the new name {name}; the next release ignores {earlier}"]
    assert getattr(by_environment, name.lower()) == 8
    assert (getattr(under_both_names, name.lower()), caplog.messages) == (9, [])
    assert earlier not in NAMES
    check_deployed([earlier])


def test_a_bad_value_under_an_earlier_name_is_replaced_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOOL_LIMIT_MB", "none")

    settings, problems = load_usable_settings()

    assert settings.outbox_limit_mb == 256
    assert problems[0].startswith("OUTBOX_LIMIT_MB is 'none': input should be a valid integer")


def test_whether_a_file_exists_is_left_to_the_step_that_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_SOURCE", "moved.csv")
    monkeypatch.setenv("DATASET", "moved.toml")

    settings = load_settings()

    assert settings.data_source == str(tmp_path / "moved.csv")
    assert settings.dataset == str(tmp_path / "moved.toml")


def test_the_working_directory_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MLFLOW_TRACKING_URI=sqlite:///mlflow.db\nSERVICE_KEYS_FILE=keys\n")
    here = load_settings()
    (tmp_path / "a" / "folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "folder")
    below = load_settings()

    assert here == below
    assert here.state_dir == tmp_path / "var"
    assert here.journal_url.get_secret_value() == f"sqlite:///{tmp_path}/var/service/journal.db"
    assert here.mlflow_tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert here.service_keys_file == tmp_path / "keys"


def test_a_relative_path_on_the_command_line_starts_at_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("STATE_DIR=by-file\nDATA_SOURCE=by-file.csv\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("STATE_DIR", "mine")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")

    settings = load_settings()

    assert settings.state_dir == tmp_path / "here" / "mine"
    assert settings.mlflow_tracking_uri == f"sqlite:///{tmp_path}/here/mine.db"
    assert settings.data_source == str(tmp_path / "by-file.csv")


def test_a_checkout_is_used_from_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "src").mkdir(parents=True)
    (checkout / "pyproject.toml").touch()
    found = find_checkout(checkout / "src" / "carvalue" / "settings" / "paths.py")
    monkeypatch.setattr(paths, "CHECKOUT", found)

    assert load_settings().state_dir == checkout / "var"
    (tmp_path / ".env").touch()
    assert load_settings().state_dir == tmp_path / "var"


def test_an_installed_wheel_belongs_to_no_checkout(tmp_path: Path) -> None:
    assert find_checkout(tmp_path / "site-packages" / "carvalue" / "settings" / "paths.py") is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DATA_SOURSE=x.csv", "DATA_SOURSE is not a setting; did you mean DATA_SOURCE?"),
        ("data_sourse=x.csv", "did you mean DATA_SOURCE?"),
        ("STATE_DIRECTORY=/srv", "STATE_DIRECTORY is not a setting."),
        ("AIRFLOW_PASWORD=x", "did you mean AIRFLOW_PASSWORD?"),
        ("MLFLOW_TRACKING_URL=x", "did you mean MLFLOW_TRACKING_URI?"),
        ("RATE_LIMITS=1", "did you mean RATE_LIMIT?"),
    ],
)
def test_a_misspelled_name_in_the_file_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")

    with pytest.raises(InvalidSetting) as caught:
        load_settings()

    assert expected in str(caught.value)


def test_a_misspelled_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINNING_BUDGET", "quick")

    with pytest.raises(InvalidSetting, match="TRAINNING_BUDGET is not a setting; did you mean TRAINING_B"):
        load_settings()


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_UID",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "COMPOSE_PROJECT_NAME",
        "GRAFANA_VERSION",
        "KAGGLE_KEY",
        "MLFLOW_TRACKING_USERNAME",
        "PUBLIC_NAME",
    ],
)
def test_variables_of_other_programs_are_none_of_our_business(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / ".env").write_text(f"{name}=x\n")
    monkeypatch.setenv(name, "x")

    load_settings()


@pytest.mark.parametrize("name", ["SERVICE_KEY", "DATASETS", "PAGE_PORT_8501_TCP_PORT", "SERVICE_HOST"])
def test_the_environment_may_hold_similar_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    load_settings()


def test_a_group_ignores_what_is_wrong_with_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATA_SOURSE=x.csv\nMAX_LEVEL_CHANGE=7\n")
    monkeypatch.setenv("SAMPLE_ROWS", "many")

    assert load_settings(ServiceSettings).state_dir == tmp_path / "var"
    with pytest.raises(InvalidSetting) as caught:
        load_settings(DataSettings)
    assert "DATA_SOURSE" in str(caught.value)
    assert "SAMPLE_ROWS" in str(caught.value)
    assert "MAX_LEVEL_CHANGE" not in str(caught.value)


def test_usable_settings_have_defaults_where_values_are_invalid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SERVICE_PORT=70000\nPAGE_PORT=8600\nJOURNAL_URL=mysql://host\n")
    monkeypatch.setenv("BIND_HOST", "0.0.0.0")

    settings, problems = load_usable_settings()

    assert (settings.service_port, settings.page_port) == (9696, 8600)
    assert settings.service_url == "http://127.0.0.1:9696"
    assert settings.journal_url.get_secret_value().startswith("sqlite:///")
    assert [problem.partition(" ")[0] for problem in problems] == [
        "JOURNAL_URL",
        "BIND_HOST",
        "SERVICE_PORT",
    ]


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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIR", "elsewhere")
    by_default = load_settings().journal_url.get_secret_value()
    monkeypatch.setenv("JOURNAL_URL", "mysql://owner:hidden@host/journal")

    with pytest.raises(InvalidSetting, match="expected sqlite:///PATH or postgresql:") as caught:
        load_settings()

    assert by_default == f"sqlite:///{tmp_path}/elsewhere/service/journal.db"
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
