"""With invalid settings of the pipelines, everything that does not run a pipeline still works."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from carvalue.cli import app
from carvalue.monitoring.watcher import __main__ as watcher
from carvalue.platform.processes.ports import free_port
from carvalue.serving.app import create_app
from carvalue.settings import InvalidSetting, WatcherSettings, load_settings

BROKEN = {
    "DATA_SOURCE": "kagle",
    "SAMPLE_ROWS": "many",
    "TRAINING_BUDGET": "huge",
    "MAX_LEVEL_CHANGE": "7",
    "RETRAIN_SCHEDULE": "now and then",
}
"""Settings of the pipelines, none of which has a valid value."""
MISSPELLED = "DATASSET=/moved/autos.toml\n"


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A platform that does not run, and whose listings were moved."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        MISSPELLED + "".join(f"{name}={value}\n" for name, value in BROKEN.items())
    )
    (tmp_path / ".env").chmod(0o600)
    for name in ("SERVICE_PORT", "MLFLOW_PORT", "AIRFLOW_PORT", "PAGE_PORT", "WATCHER_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    (tmp_path / "var" / "storage").mkdir(parents=True)
    return tmp_path / "var"


@pytest.mark.parametrize("command", ["up", "build", "run initial_model_dag"])
def test_what_reads_them_names_them_all(command: str) -> None:
    outcome = CliRunner().invoke(app, command.split())

    assert isinstance(outcome.exception, InvalidSetting)
    for name in ("DATA_SOURCE", "SAMPLE_ROWS", "TRAINING_BUDGET", "MAX_LEVEL_CHANGE", "DATASSET"):
        assert name in str(outcome.exception)


def test_down_works() -> None:
    outcome = CliRunner().invoke(app, ["down"], catch_exceptions=False)

    assert "the platform is stopped" in outcome.output


def test_rollback_works(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = SimpleNamespace(rollback=lambda by: SimpleNamespace(version=3))
    monkeypatch.setattr("carvalue.registry.open_registry", lambda _: nullcontext(registry))

    outcome = CliRunner().invoke(app, ["rollback"], catch_exceptions=False)

    assert "version 3 is in production again" in outcome.output


def test_status_shows_the_services_and_what_is_wrong() -> None:
    outcome = CliRunner().invoke(app, ["status"], catch_exceptions=False)

    assert "price-service" in outcome.output
    for name in (*BROKEN, "DATASSET"):
        assert f"{name} is " in outcome.output


def test_doctor_diagnoses_the_settings_beside_the_rest() -> None:
    outcome = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["doctor"], catch_exceptions=False)

    for subject in ("packages", "disk", "settings"):
        assert subject in outcome.output
    assert "SAMPLE_ROWS" in outcome.output


def test_backup_works(state: Path, tmp_path: Path) -> None:
    (state / "storage" / "current").write_text("a dataset")

    outcome = CliRunner().invoke(app, ["backup", "backup.tar"], catch_exceptions=False)

    assert "2 files" in outcome.output  # with the lock of the datasets
    assert (tmp_path / "backup.tar").is_file()


def test_the_watcher_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[WatcherSettings] = []
    monkeypatch.setattr(watcher, "watch", lambda settings, registry: started.append(settings))

    watcher.main()

    assert started == [load_settings(WatcherSettings)]


def test_the_price_service_starts() -> None:
    create_app()
