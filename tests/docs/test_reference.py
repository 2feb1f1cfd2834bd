"""The reference has every setting, command, route, metric, alert, package and decision record."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from carvalue.registry.gates.judge import GATES
from carvalue.settings import DEPLOYABLE, Settings
from carvalue.telemetry import metrics as registry
from carvalue.telemetry.alert_rules import ALERTING_DOWN, RULES, WATCHER_ALERTS
from carvalue.telemetry.rule import DOCUMENTATION, runbook_url
from website import Website

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import examples_extension  # noqa: E402
import macros  # noqa: E402

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def test_every_setting_has_a_section_with_its_default(website: Website) -> None:
    page = website.pages["reference/settings.html"]

    for name in Settings.model_fields:
        section = page.section(name)
        assert name.upper() in section
        assert "Default:" in section
        assert ("On one machine only" in section) == (name.upper() not in DEPLOYABLE)


def test_every_setting_is_in_one_group_and_described() -> None:
    grouped = [name for names in macros.setting_groups().values() for name in names]
    described = {name: text for name, (_, text) in macros.read_env_example().items()}

    assert sorted(grouped) == sorted(Settings.model_fields)
    assert described.keys() == {name.upper() for name in Settings.model_fields}
    assert [name for name, text in described.items() if len(text) < 15] == []


def test_every_command_has_a_section_with_its_options(website: Website) -> None:
    page = website.pages["reference/cli.html"]

    for path, command in macros.walk_commands().items():
        section = page.section(path.replace(" ", "-"))
        assert f"carvalue {path}" in section
        for parameter in command.params:
            assert (parameter.opts[0] if parameter.opts[0].startswith("-") else "") in section


def test_every_route_has_a_section(website: Website) -> None:
    text = website.pages["reference/http-api.html"].section("routes")

    routes = [
        f"{method.upper()} {path}"
        for path, methods in macros.openapi()["paths"].items()
        for method in methods
    ]
    assert [route for route in routes if route not in text] == []


def test_every_metric_and_alert_is_listed(website: Website) -> None:
    text = website.pages["reference/metrics-and-alerts.html"].section("")

    names = [spec.name for spec in (*registry.SERVICE_METRICS, *registry.WATCHER_METRICS)]
    assert [name for name in (*names, *(rule.name for rule in RULES)) if name not in text] == []


def test_every_alert_links_to_its_section_of_the_site(website: Website) -> None:
    for name in (*(rule.name for rule in RULES), *WATCHER_ALERTS.values(), ALERTING_DOWN):
        page, _, anchor = runbook_url(name).removeprefix(f"{DOCUMENTATION}/").partition("#")
        assert "Means" in website.pages[page].section(anchor)


def test_package_alerts_and_site_have_the_same_address() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    site = re.search(
        r'site_url: !ENV \[SITE_URL, "(.+)"\]', (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    )

    assert site
    assert urls["Documentation"] == site[1] == f"{DOCUMENTATION}/"


def test_every_gate_has_a_row(website: Website) -> None:
    section = website.pages["explanation/promotion.html"].html.find(id="gates")
    rows = section.find_next("table").select("tbody tr") if section else []

    assert len(rows) == len(GATES)


def test_every_public_package_is_in_the_python_reference() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs" / "reference" / "python-api").glob("*.md"))
    packages = [
        ".".join(path.parent.relative_to(ROOT / "src").parts)
        for path in (ROOT / "src").rglob("__init__.py")
        if "__all__" in path.read_text() and path.parent.name != "cli"
    ]

    assert packages
    assert [package for package in packages if f"::: {package}\n" not in pages] == []


def test_the_glossary_defines_the_terms(website: Website) -> None:
    terms = yaml.safe_load((ROOT / "docs" / "reference" / "glossary.yml").read_text(encoding="utf-8"))

    assert len(terms) >= 55
    assert all(len(text) > 20 for text in terms.values())
    assert {"low", "high", "gate", "reference-car"} <= website.pages["reference/glossary.html"].anchors


@pytest.mark.parametrize("record", DECISIONS, ids=lambda path: path.stem[:4])
def test_a_decision_record_is_in_the_index_with_date_and_status(website: Website, record: Path) -> None:
    head = macros.read_decision(record)
    rows = website.pages["decisions/index.html"].html.select("tbody tr")
    row = next(row for row in rows if row.find("a", href=f"{record.stem}.html"))

    assert record.name.startswith(head["number"])
    assert head["date"] in row.get_text()
    assert head["status"] in row.get_text()
    text = record.read_text()
    assert "\n## Context\n" in text
    assert "\n## Decision\n" in text


def test_doctests_of_docstrings_become_example_sections() -> None:
    text = (
        "Add.\n\nReturns:\n    The sum.\n\n>>> add(1, 2)\n3\n\nMore.\n\nExample:\n    >>> add(2, 2)\n    4\n"
    )

    assert examples_extension.with_examples(text) == (
        "Add.\n\nReturns:\n    The sum.\n\nExamples:\n    >>> add(1, 2)\n    3\n\nMore.\n\n"
        "Examples:\n    >>> add(2, 2)\n    4\n"
    )


def test_a_figure_is_read_from_its_results_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quote.json").write_text(
        '{"commit": "c0ffee", "date": "2026-11-24", "model": "m", "command": "make", '
        '"values": {"p50": {"ms": 1.25}}}'
    )
    (tmp_path / "other.json").write_text('{"no": "provenance"}')
    monkeypatch.setattr(macros, "RESULTS", tmp_path)

    assert macros.figure("quote", "p50.ms", "{:.1f}") == "1.2"
    assert "c0ffee" in macros.results()
    assert "other" not in macros.results()
    with pytest.raises(KeyError):
        macros.figure("quote", "p99.ms")
