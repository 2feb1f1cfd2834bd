"""Every alert has a section in the runbook: what it means, where to look and what to do."""

import re
from pathlib import Path

import pytest

from carvalue.telemetry.alert_rules import ALERTING_DOWN, RULES, WATCHER_ALERTS
from carvalue.telemetry.metrics import ALERT_KINDS
from carvalue.telemetry.rule import RUNBOOK, runbook_url

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / RUNBOOK).read_text()
NAMES = sorted({rule.name for rule in RULES} | set(WATCHER_ALERTS.values()) | {ALERTING_DOWN})
SECTIONS = dict(re.findall(r"^### (Carvalue\w+)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))


def test_the_runbook_has_exactly_the_existing_alerts() -> None:
    assert sorted(SECTIONS) == NAMES


def test_the_watcher_has_a_name_for_each_kind_of_alert() -> None:
    assert WATCHER_ALERTS.keys() == set(ALERT_KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_meaning_diagnosis_and_action(name: str) -> None:
    assert re.findall(r"^- \*\*(\w+)\*\*: \S", SECTIONS[name], flags=re.MULTILINE) == [
        "Means",
        "Look",
        "Do",
    ]


def test_links_within_the_runbook_are_valid() -> None:
    assert set(re.findall(r"\]\(#(\w+)\)", TEXT)) <= {name.lower() for name in SECTIONS}


def test_an_alert_carries_the_link_to_the_documentation_site() -> None:
    for rule in RULES:
        assert rule.as_json()["annotations"]["runbook_url"] == runbook_url(rule.name)
