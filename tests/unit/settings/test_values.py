"""Values of settings: what each accepts, what it refuses, and what follows from it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from carvalue.settings import (
    InvalidSetting,
    Settings,
    check_deployed,
    load_settings,
    load_usable_settings,
)
from carvalue.settings.names import unknown_in_environment, unknown_in_file
from carvalue.settings.paths import absolute, absolute_url, find_checkout, in_folder


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env; the variables are taken away for every test."""
    monkeypatch.chdir(tmp_path)


def refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """Load the settings with a bad value, and return the message."""
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("SAMPLE_ROWS", "many", "SAMPLE_ROWS is 'many': input should be a valid integer"),
        ("SERVICE_URL", "http://", "SERVICE_URL is 'http://': expected a URL such as http://127.0.0.1:5000."),
        ("STORAGE_URL", "/srv", "STORAGE_URL is '/srv': expected file:///PATH or s3://BUCKET/PREFIX."),
        ("STORAGE_URL", "s3:///prefix", "expected file:///PATH or s3://BUCKET/PREFIX."),
        ("STORAGE_URL", "file://host/srv", "expected file:///PATH or s3://BUCKET/PREFIX."),
        ("STORAGE_URL", "file:srv", "expected file:///PATH or s3://BUCKET/PREFIX."),
        ("STORAGE_URL", "gs://cars/storage", "expected file:///PATH or s3://BUCKET/PREFIX."),
        (
            "JOURNAL_URL",
            "mysql://cars",
            "JOURNAL_URL is (not shown): expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE.",
        ),
        (
            "JOURNAL_URL",
            "postgresql://a:b@c@host/journal",
            "JOURNAL_URL is (not shown): expected %40 in place of each @ in the user and the password.",
        ),
        (
            "ALLOWED_HOSTS",
            "cars.example.com, prices.example.com:8501",
            "expected names such as prices.example.com, without scheme and port.",
        ),
        (
            "CORS_ORIGINS",
            "https://cars.example.com, https://Shop.example.com",
            "expected origins such as https://shop.example.com, in lower case, without a path.",
        ),
        ("OPERATOR_LINKS", "=https://cars.example", "expected NAME=URL, with commas between them."),
        ("OPERATOR_LINKS", "MLflow=cars.example", "expected NAME=URL, with commas between them."),
        ("OPERATOR_LINKS", "A=https://cars.example,B=ftp://cars", "expected NAME=URL, with commas between"),
        (
            "TRAINING_CLUSTER",
            "tcp://scheduler",
            "expected a Dask scheduler's address such as tcp://127.0.0.1:8786, or nothing.",
        ),
        ("TRAINING_CLUSTER", "tcp://:8786", "expected a Dask scheduler's address"),
        (
            "DATA_SOURCE",
            "bigquery://cars",
            "no installed package reads 'bigquery' addresses (extensions that are installed: none); "
            "docs/how-to/extend.md shows how to add one.",
        ),
        (
            "DATA_SOURCE",
            "cars.txt",
            "expected auto, kaggle, sample, the path of a file that ends in .csv, .zip",
        ),
        ("BIND_HOST", "0.0.0.0", "it can be reached from other machines: expected an AIRFLOW_PASSWORD other"),
        ("ALERT_URLS", "json://[169.254", "ALERT_URLS is (not shown): a URL in it cannot be parsed."),
        ("ALERT_URLS", "json://[fe80::1]/x", "it names the link-local address fe80::1, where clouds serve"),
    ],
)
def test_what_is_refused_is_named_with_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    message = refused(monkeypatch, name, value)

    assert message.startswith(f"{name} is ")
    assert line in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_URL", "https://prices.example.com"),
        ("STORAGE_URL", "s3://cars/storage"),
        ("STORAGE_URL", "file:///srv/storage"),
        ("MLFLOW_TRACKING_URI", "postgresql://mlflow:secret@host/mlflow"),
        ("MLFLOW_TRACKING_URI", "http://mlflow:5000"),
        ("TRAINING_CLUSTER", "tls://scheduler:8786"),
        ("TRAINING_CLUSTER", "tcp://scheduler:8786"),
        ("DATA_SOURCE", "sample"),
        ("RETRAIN_SCHEDULE", "@weekly"),
        ("RETRAIN_SCHEDULE", "0 3 * * 1"),
        ("ALLOWED_HOSTS", "cars.example.com, 10.0.0.1,2001:db8::1"),
        ("CORS_ORIGINS", "https://shop.example.com:8443, http://[2001:db8::1]"),
        ("ALERT_URLS", "console:"),
        ("SERVICE_PORT", "1"),
        ("SERVICE_PORT", "65535"),
        ("SAMPLE_ROWS", "1000"),
        ("SERVICE_WORKERS", "64"),
        ("MAX_LEVEL_CHANGE", "1"),
        ("MAX_WORSE_ERROR", "0"),
        ("MAX_SLICE_ERROR", "1"),
        ("MAX_COVERAGE_DEVIATION", "0"),
        ("RETRAIN_COOLDOWN_H", "0"),
    ],
)
def test_what_is_accepted_is_not_changed(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    chosen = getattr(load_settings(), name.lower())

    assert (chosen.get_secret_value() if isinstance(chosen, SecretStr) else type(chosen)(value)) == (
        value if isinstance(chosen, SecretStr) else chosen
    )


@pytest.mark.parametrize(
    "url",
    ["sqlite:////srv/journal.db", "postgresql://a:b@host/journal", "postgresql+psycopg://a:b@host/journal"],
)
def test_a_journal_is_a_file_or_in_postgresql(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("JOURNAL_URL", url)

    assert load_settings().journal_url.get_secret_value() == url


@pytest.mark.parametrize("name", ["SERVICE_URL", "MLFLOW_TRACKING_URI", "ALERTMANAGER_URL"])
def test_a_slash_at_the_end_of_an_address_is_dropped(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://cars.example:80/api/")

    assert getattr(load_settings(), name.lower()) == "http://cars.example:80/api"


def test_the_storage_is_a_folder_of_the_state_unless_it_is_elsewhere(tmp_path: Path) -> None:
    by_default = Settings(state_dir=tmp_path)
    folder = Settings(state_dir=tmp_path, storage_url="file:///srv/cars/")
    bucket = Settings(state_dir=tmp_path, storage_url="s3://cars/storage/")

    assert by_default.storage_url == f"file://{tmp_path}/storage"
    assert by_default.storage_root == tmp_path / "storage"
    assert (folder.storage_url, folder.storage_root) == ("file:///srv/cars", Path("/srv/cars"))
    assert (bucket.storage_url, bucket.storage_root) == ("s3://cars/storage", tmp_path / "storage")


def test_files_of_the_price_service_are_below_the_state(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)

    assert settings.quarantine_folder == tmp_path / "service" / "quarantine"
    assert settings.service_keys_file == tmp_path / "service" / "keys"
    assert settings.journal_url.get_secret_value() == f"sqlite:///{tmp_path}/service/journal.db"


def test_addresses_of_the_platform_s_own_parts_follow_their_ports() -> None:
    settings = Settings(
        service_port=1, watcher_port=2, airflow_port=3, mlflow_port=4, prometheus_port=5, grafana_port=6
    )

    assert settings.service_url == "http://127.0.0.1:1"
    assert settings.watcher_url == "http://127.0.0.1:2"
    assert settings.airflow_url == "http://127.0.0.1:3"
    assert settings.mlflow_tracking_uri == "http://127.0.0.1:4"
    assert settings.links == {
        "Airflow": "http://127.0.0.1:3",
        "MLflow": "http://127.0.0.1:4",
        "Prometheus": "http://127.0.0.1:5",
        "Grafana": "http://127.0.0.1:6",
        "API": "http://127.0.0.1:1/docs",
    }


def test_lists_are_read_without_spaces_and_empty_parts() -> None:
    settings = Settings(
        allowed_hosts=" Cars.example.com ,, prices.example.com",
        cors_origins=" https://shop.example.com ,",
        visitor_clients="page, ,shop ",
        verified_sales_clients=" local,,dealer ",
        operator_links=" Docs = https://cars.example/docs ,Wiki=http://wiki",
    )

    assert settings.allowed_host_names == {"cars.example.com", "prices.example.com"}
    assert settings.cors_origin_names == {"https://shop.example.com"}
    assert settings.visitor_client_names == {"page", "shop"}
    assert settings.verified_clients == {"local", "dealer"}
    assert settings.links == {"Docs": "https://cars.example/docs", "Wiki": "http://wiki"}


def test_receivers_of_alerts_are_separated_by_commas_before_a_scheme() -> None:
    mail = "mailtos://a:b@mail.example?to=ann@example.com,bob@example.com"
    settings = Settings(alert_urls=SecretStr(f" slack://a/b/c, {mail} ,"))

    assert settings.notifier_urls == ("slack://a/b/c", mail)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_accepts_the_default_password_of_airflow(host: str) -> None:
    assert Settings(bind_host=host).is_loopback


def test_off_loopback_a_password_of_airflow_is_needed_and_clients_are_limited() -> None:
    settings = Settings(bind_host="10.0.0.1", airflow_password=SecretStr("mine"))

    assert not settings.is_loopback
    assert (settings.rate_limit, settings.rate_burst) == (50, 100)


@pytest.mark.parametrize(("limit", "burst"), [(0.1, 2), (1.5, 4), (3, 6)])
def test_a_client_may_make_two_seconds_of_requests_at_once(limit: float, burst: int) -> None:
    assert Settings(rate_limit=limit).rate_burst == burst


def test_a_client_sends_its_key_if_it_has_one() -> None:
    assert Settings(service_api_key=SecretStr("k")).service_headers == {"X-API-Key": "k"}
    assert Settings().service_headers == {}


@pytest.mark.parametrize(
    ("source", "file"), [("auto", ""), ("sample", ""), ("/srv/cars.csv", "/srv/cars.csv")]
)
def test_a_data_source_may_be_a_file(source: str, file: str) -> None:
    assert Settings(data_source=source).data_file == file


def test_a_mapping_describes_a_file_and_is_found_from_everywhere(tmp_path: Path) -> None:
    settings = Settings(data_source="autos.ZIP", dataset="autos.TOML", market="bikes.toml")

    assert settings.data_source == str(tmp_path / "autos.ZIP")
    assert settings.dataset == str(tmp_path / "autos.TOML")
    assert settings.market == str(tmp_path / "bikes.toml")
    assert Settings(market="eu-motorcycles").market == "eu-motorcycles"


def test_relative_paths_of_the_file_start_at_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = (
        "state_dir=state",
        "JOURNAL_URL=sqlite:///journal.db",
        "MLFLOW_TRACKING_URI=http://mlflow:5000",
        "SERVICE_KEYS_FILE=keys",
        "DATA_SOURCE=sample",
        "MARKET=bikes.toml",
        "PRICE_INDEX=index.csv",
    )
    (tmp_path / ".env").write_text("\n".join(lines))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    settings = load_settings()

    assert settings.state_dir == tmp_path / "state"
    assert settings.journal_url.get_secret_value() == f"sqlite:///{tmp_path}/journal.db"
    assert settings.mlflow_tracking_uri == "http://mlflow:5000"
    assert settings.service_keys_file == tmp_path / "keys"
    assert settings.data_source == "sample"
    assert settings.market == str(tmp_path / "bikes.toml")
    assert settings.price_index == str(tmp_path / "index.csv")


def test_what_is_no_path_in_the_file_stays_as_it_is(tmp_path: Path) -> None:
    values = {
        "MARKET": "eu-motorcycles",
        "BUNDLE_PUBLIC_KEY": "-----BEGIN PUBLIC KEY----- MCowBQ",
        "JOURNAL_URL": "postgresql://ann:secret@host/journal",
        "OPERATOR_LINKS": "Logs=https://logs.example/?app=carvalue",
    }
    (tmp_path / ".env").write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))

    settings = load_settings()

    assert settings.market == values["MARKET"]
    assert settings.bundle_public_key == values["BUNDLE_PUBLIC_KEY"]
    assert settings.journal_url.get_secret_value() == values["JOURNAL_URL"]
    assert settings.links == {"Logs": "https://logs.example/?app=carvalue"}


def test_published_versions_need_a_signature_where_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pem = " -----BEGIN PUBLIC KEY----- MCowBQ"
    with_key = Settings(bundle_public_key="keys/public.pem", bundle_signing_key=SecretStr("private.pem"))

    assert Settings().unsigned_bundles == "accept"
    assert with_key.unsigned_bundles == "refuse"
    assert with_key.bundle_public_key == str(tmp_path / "keys" / "public.pem")
    assert with_key.bundle_signing_key.get_secret_value() == str(tmp_path / "private.pem")
    assert Settings(bundle_public_key=pem, unsigned_bundles="accept").bundle_public_key == pem
    assert Settings(bundle_url="s3://cars/published/").bundle_url == "s3://cars/published"
    monkeypatch.setenv("BUNDLE_URL", "s3://cars/published")
    message = refused(monkeypatch, "UNSIGNED_BUNDLES", "refuse")
    assert message.startswith(
        "UNSIGNED_BUNDLES is 'refuse': expected a BUNDLE_PUBLIC_KEY to verify signatures"
    )
    settings, problems = load_usable_settings()
    assert (settings.unsigned_bundles, len(problems)) == ("accept", 1)


def test_a_path_of_the_environment_replaces_that_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("STATE_DIR=by-file\nDATA_SOURCE=by-file.csv\n")
    monkeypatch.setenv("STATE_DIR", "here")

    assert load_settings().state_dir == tmp_path / "here"
    assert load_settings().data_source == str(tmp_path / "by-file.csv")


def test_paths_may_start_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")

    assert absolute("~/cars") == Path("/home/ann/cars")
    assert in_folder("~/keys", Path("/srv")) == "/home/ann/keys"
    assert in_folder("sqlite:///~/a.db", Path("/srv")) == "sqlite:////home/ann/a.db"
    assert absolute_url("sqlite:///~/a.db") == "sqlite:////home/ann/a.db"


@pytest.mark.parametrize("present", ["pyproject.toml", "src"])
def test_half_a_checkout_is_none(tmp_path: Path, present: str) -> None:
    (tmp_path / present).mkdir()

    assert find_checkout(tmp_path / "src" / "carvalue" / "settings" / "paths.py") is None


def test_every_problem_is_named_in_the_same_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATA_SOURSE=x.csv\n")
    monkeypatch.setenv("SERVICE_PORT", "0")

    message = refused(monkeypatch, "SAMPLE_ROWS", "10")

    assert message.startswith(
        "DATA_SOURSE is not a setting; did you mean DATA_SOURCE? "
        "SAMPLE_ROWS is '10': input should be greater than or equal to 1000. "
        "SERVICE_PORT is '0': input should be greater than or equal to 1. "
    )


def test_a_default_that_makes_another_setting_invalid_is_reported_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRAINNING_BUDGET", "quick")
    monkeypatch.setenv("DATA_SOURCE", "cars.txt")
    monkeypatch.setenv("DATASET", "cars.toml")

    settings, problems = load_usable_settings()

    assert (settings.data_source, settings.dataset) == ("auto", "")
    assert [problem.partition(" ")[0] for problem in problems] == [
        "TRAINNING_BUDGET",
        "DATA_SOURCE",
        "DATASET",
    ]


KNOWN = frozenset(
    "DATA_SOURCE STATE_DIR RATE_LIMIT MARKET JOURNAL_KEEP_DAYS "
    "AIRFLOW_URL AIRFLOW_USER MLFLOW_TRACKING_URI".split()
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATA_SOURSE", "DATA_SOURCE"),
        ("AIRFLOW_URLS", "AIRFLOW_URL"),
        ("MARKETS", "MARKET"),
        ("RATE_LIMITS", "RATE_LIMIT"),
        ("RATE_OF_PAY", ""),
        ("STATE_OF_DENMARK", ""),
        ("JOURNAL_RETENTION", ""),
    ],
)
def test_a_name_of_the_file_that_resembles_a_setting_is_found(name: str, meant: str) -> None:
    (found,) = unknown_in_file([name], known=KNOWN)

    assert (found.name, found.meant) == (name, meant)


@pytest.mark.parametrize(
    "name",
    [*sorted(KNOWN), "AIRFLOW_UID", "AIRFLOW_USER_ID", "AIRFLOW_HOME", "RATE", "COMPOSE_FILE", "HOME"],
)
def test_other_names_of_the_file_are_left_alone(name: str) -> None:
    assert not list(unknown_in_file([name], known=KNOWN))


def test_every_misspelled_name_is_found() -> None:
    in_file = unknown_in_file(["STATE_DIR", "STATE_DIRS", "HOME", "DATA_SORCE"], known=KNOWN)
    in_environment = unknown_in_environment(
        ["STATE_DIR", "HOME", "AIRFLOW_URK", "DATA_SORCE", "RATE_LIMTI"], known=KNOWN
    )

    assert [str(unknown) for unknown in in_file] == [
        "STATE_DIRS is not a setting; did you mean STATE_DIR?",
        "DATA_SORCE is not a setting; did you mean DATA_SOURCE?",
    ]
    assert [unknown.name for unknown in in_environment] == ["DATA_SORCE", "RATE_LIMTI"]


@pytest.mark.parametrize(
    "name",
    [
        *sorted(KNOWN),
        "MARKETT",
        "MLFLOW_TRACKING_URL",
        "RATE_LIMITS",
        "RATE_LIMI",
        "DATA_SOUR_CE",
        "DATA_STORES",
    ],
)
def test_the_environment_holds_names_of_other_programs(name: str) -> None:
    assert not list(unknown_in_environment([name], known=KNOWN))


def test_what_a_deployment_may_not_set_is_named_with_the_reason() -> None:
    check_deployed(["RETRAIN_SCHEDULE", "RATE_LIMIT"])

    with pytest.raises(InvalidSetting) as caught:
        check_deployed(["SERVICE_API_KEY", "RATE_LIMIT", "STATE_DIR", "RATE_LIMITS", "COMPOSE_FILE"])

    assert str(caught.value).startswith(
        "SERVICE_API_KEY is a secret: expected a file in deploy/secrets, or a secret of the cloud. "
        "STATE_DIR has no effect in a container: expected it to be absent. "
        "RATE_LIMITS is not a setting; did you mean RATE_LIMIT? "
        "COMPOSE_FILE is not a setting."
    )
