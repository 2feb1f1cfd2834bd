"""The doctor names each problem and its remedy."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from carvalue.files import MANIFEST, bundle_digest, write_bundle
from carvalue.journal.decisions import DecisionLog, DecisionRecord
from carvalue.journal.schema import newest_revision
from carvalue.journal.store import Journal
from carvalue.platform.admin.doctor import Diagnosis, diagnose
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.settings import Settings
from platforms import platform_settings

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return platform_settings(tmp_path / "var")


def _findings(settings: Settings) -> dict[str, Diagnosis]:
    return {item.subject: item for item in diagnose(settings)}


@contextmanager
def a_service(port: int, body: str) -> Iterator[None]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    Thread(target=server.serve_forever).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_an_installation_that_was_never_built_gets_a_hint(settings: Settings) -> None:
    found = _findings(settings)

    assert found["ports"].is_ok
    assert "make up" in found["platform"].remedy
    assert "make build" in found["datasets"].remedy
    assert "make up" in found["model"].remedy
    assert "make up" in found["price service"].remedy


def test_an_occupied_port_is_named_with_its_setting(settings: Settings) -> None:
    with a_service(settings.page_port, ""):
        ports = _findings(settings)["ports"]

    assert not ports.is_ok
    assert "PAGE_PORT" in ports.finding


def test_a_degraded_component_of_the_service_is_named(settings: Settings) -> None:
    body = json.dumps({"down": {}, "degraded": {"journal": "down"}})

    with a_service(settings.service_port, body):
        found = _findings(settings)

    assert found["price service: journal"].finding == "down"
    assert not found["price service: journal"].is_ok


def test_a_service_that_quotes_is_healthy(settings: Settings) -> None:
    with a_service(settings.service_port, json.dumps({"down": {}, "degraded": {}})):
        assert _findings(settings)["price service"].is_ok


def test_another_program_on_the_port_is_detected(settings: Settings) -> None:
    with a_service(settings.service_port, "<html>"):
        assert "does not answer" in _findings(settings)["price service"].finding


def test_a_clock_that_was_set_back_is_noticed(settings: Settings) -> None:
    (settings.state_dir / "logs").mkdir(parents=True)
    file = settings.state_dir / "logs" / "mlflow.log"
    file.touch()
    assert _findings(settings)["clock"].is_ok

    in_an_hour = time.time() + 3_630
    os.utime(file, (in_an_hour, in_an_hour))

    assert "60 minutes behind" in _findings(settings)["clock"].finding


def test_the_journal_is_checked_but_not_created(settings: Settings) -> None:
    path = settings.state_dir / "service" / "journal.db"
    assert "no tables yet" in _findings(settings)["journal"].finding
    assert not path.exists()

    journal = Journal(f"sqlite:///{path}")
    journal.migrate()
    assert _findings(settings)["journal"].finding == f"tables at revision {newest_revision()}"

    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("update journal_schema set version_num = '9.0'")
    found = _findings(settings)["journal"]
    assert "install the release that created them" in found.finding
    assert "upgrade.md" in found.remedy


def test_an_interrupted_switch_is_named_with_the_command_that_completes_it(settings: Settings) -> None:
    log = DecisionLog(Journal(f"sqlite:///{settings.state_dir}/service/journal.db"))
    decision = DecisionRecord(
        at=datetime.now(UTC), act="promoted", version=3, earlier=2, by="ann", reasons=("by hand",)
    )
    log.append(decision, after=0)

    assert "`carvalue promote 3`" in _findings(settings)["decisions"].remedy

    log.mark_applied(1, at=datetime.now(UTC))
    assert "decisions" not in _findings(settings)


def test_pending_migrations_are_listed(settings: Settings) -> None:
    (settings.state_dir / "service").mkdir(parents=True)
    with closing(sqlite3.connect(settings.state_dir / "service" / "journal.db")) as connection:
        connection.executescript((SCHEMAS / "revision_1_0.sqlite.sql").read_text())

    found = _findings(settings)["journal"]

    assert found.finding.startswith("the tables need the migrations 1.1, ")
    assert found.finding.endswith(newest_revision())
    assert "carvalue migrate" in found.remedy


def test_state_of_a_newer_release_is_named_by_its_format(settings: Settings) -> None:
    assert _findings(settings)["formats"].is_ok
    (settings.state_dir / "watcher").mkdir(parents=True)
    (settings.state_dir / "watcher" / "state.json").write_text('{"format": 7}')
    bundle = settings.state_dir / "service" / "bundles" / "3-0123456789ab"
    write_bundle(bundle, {})
    manifest = json.loads((bundle / MANIFEST).read_text()) | {"format": 99}
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    bundle.rename(bundle.with_name(f"3-{bundle_digest(bundle)[:12]}"))

    found = [item.finding for item in diagnose(settings) if item.subject == "formats"]

    assert any("watcher state format 7, this release reads 1" in finding for finding in found)
    assert any("bundle format 99, this release reads" in finding for finding in found)


def test_a_page_without_a_key_is_noticed(settings: Settings) -> None:
    key = new_key(settings)
    assert "carvalue keys new page" in _findings(settings)["keys"].remedy

    with_key = settings.model_copy(update={"service_api_key": SecretStr(key)})
    assert _findings(with_key)["keys"].finding == "SERVICE_API_KEY belongs to page"


def new_key(settings: Settings) -> str:
    settings.service_keys_file.parent.mkdir(parents=True)
    key, _ = KeyFile(settings.service_keys_file).add("page", today=date(2026, 1, 2))
    return key


def test_secrets_that_others_can_read_are_noticed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch(mode=0o600)
    assert "secrets" not in _findings(settings)

    (tmp_path / ".env").chmod(0o644)

    assert _findings(settings)["secrets"].remedy == "Run `chmod 600 .env`."


def test_the_doctor_says_who_is_notified_of_alerts(settings: Settings) -> None:
    nobody = _findings(settings)["alerts"]
    told = _findings(settings.model_copy(update={"alert_urls": SecretStr("json://hooks.example.com/SECRET")}))

    assert nobody.finding == "nobody is notified: ALERT_URLS names no receiver"
    assert nobody.is_ok  # a choice, not a fault
    assert told["alerts"].finding == "notify webhook hooks.example.com"


def test_the_doctor_names_receivers_with_a_form_of_release_0_2(settings: Settings) -> None:
    urls = SecretStr("smtp://me:SECRET@mail.example.com/?from=cars@example.com&to=you@example.com")
    found = [item for item in diagnose(settings.model_copy(update={"alert_urls": urls})) if not item.is_ok]

    (alerts,) = [item for item in found if item.subject == "alerts"]
    assert "mail mail.example.com" in alerts.finding
    assert "mailtos://" in alerts.remedy
    assert "SECRET" not in alerts.finding + alerts.remedy
