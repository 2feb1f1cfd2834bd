"""Public names have one term for each concept: terms that were replaced do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from carvalue.api.openapi import openapi_document
from carvalue.cli import app
from carvalue.listings.markets import MarketDescription
from carvalue.pricing.additive import SUMMED
from carvalue.pricing.features import IMPLAUSIBLE
from carvalue.registry.gates.judge import GATES
from carvalue.settings import Settings
from carvalue.telemetry import metrics
from carvalue.telemetry.alert_rules import RULES, WATCHER_ALERTS

PACKAGE = Path(__file__).parents[2] / "src" / "carvalue"
REPLACED = {
    "asked": "asking price, prompted",
    "behaviour": "invariants",
    "believed": "plausible",
    "candidate": "challenger",
    "doubted": "implausible",
    "familiar": "known",
    "growing": "training",
    "hasty": "with few fields",
    "rival": "champion, challenger",
    "ruler": "reference model",
    "shelf": "bundle cache",
    "sink": "receiver",
    "spool": "outbox",
    "told": "delivered, reported",
}
"""Earlier term -> the terms in its place."""
ORDINARY_WORDS = {"asked", "behaviour", "growing", "told"}
"""Earlier terms that sentences may contain in their usual meaning."""


def _metric_names() -> Iterator[str]:
    for spec in (*metrics.SERVICE_METRICS, *metrics.WATCHER_METRICS):
        yield from (spec.name, *spec.labels)
    yield from (*metrics.DROP_REASONS, *metrics.REJECTION_REASONS, *metrics.ALERT_KINDS)


def _command_names() -> Iterator[str]:
    commands: list[Any] = [typer.main.get_command(app)]
    for command in commands:
        yield from (command.name, *(parameter.name for parameter in command.params))
        commands += getattr(command, "commands", {}).values()


def _api_names() -> Iterator[str]:
    document = openapi_document("1")
    yield from document["paths"]
    for name, schema in document["components"]["schemas"].items():
        yield from (name, *schema.get("properties", ()))


NAMES = {
    "settings": Settings.model_fields,
    "metrics": tuple(_metric_names()),
    "alerts": (*(rule.name for rule in RULES), *WATCHER_ALERTS),
    "gates": tuple(gate.__name__ for gate in GATES),
    "features": (*SUMMED, IMPLAUSIBLE),
    "keys of a market": MarketDescription.model_fields,
    "commands": tuple(_command_names()),
    "HTTP API": tuple(_api_names()),
}


@pytest.mark.parametrize("kind", NAMES)
def test_no_public_name_has_a_replaced_term(kind: str) -> None:
    replaced = {name: terms for name in NAMES[kind] if (terms := _words(name) & REPLACED.keys())}

    assert NAMES[kind]
    assert replaced == {}


@pytest.mark.parametrize("package", ["cli", "web"])
def test_no_text_for_users_has_a_replaced_term(package: str) -> None:
    texts = [text for path in (PACKAGE / package).rglob("*.py") for text in _texts(path)]

    assert texts
    assert [text for text in texts if _words(text) & (REPLACED.keys() - ORDINARY_WORDS)] == []


def _words(name: str) -> set[str]:
    """Split snake_case, kebab-case, CamelCase and sentences into singular words in lower case."""
    words = map(str.lower, re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name))
    return {word.removesuffix("s") for word in words}


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
