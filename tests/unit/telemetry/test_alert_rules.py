"""Every alert has a section in the runbook: what it means, where to look and what to do."""

import re
from pathlib import Path

import pytest

from carvalue.telemetry.alert_rules import ALERTING_DOWN, RULES, RUNBOOK, AlertRule

TEXT = (Path(__file__).parents[3] / RUNBOOK).read_text()
SECTIONS = dict(re.findall(r"^### (Carvalue\w+)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))


def test_the_runbook_has_exactly_the_existing_alerts() -> None:
    assert SECTIONS.keys() == {rule.name for rule in RULES} | {ALERTING_DOWN}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_runbook_has_meaning_diagnosis_and_action(rule: AlertRule) -> None:
    assert re.findall(r"^- \*\*(\w+)\*\*: \S", SECTIONS[rule.name], flags=re.MULTILINE) == [
        "Means",
        "Look",
        "Do",
    ]


def test_links_within_the_runbook_are_valid() -> None:
    assert set(re.findall(r"\]\(#(\w+)\)", TEXT)) <= {name.lower() for name in SECTIONS}


def test_an_alert_carries_the_link_to_its_runbook() -> None:
    for rule in RULES:
        assert (
            rule.as_json()["annotations"]["runbook"]
            == f"docs/how-to/respond-to-alerts.md#{rule.name.lower()}"
        )
