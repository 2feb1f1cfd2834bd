"""Macros of the documentation: reference pages rendered from the code, figures from results files."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer
import yaml
from mkdocs_macros.plugin import MacrosPlugin

from carvalue.api import VERSION_PREFIX, openapi_document
from carvalue.cli import app
from carvalue.settings import DEPLOYABLE, Settings
from carvalue.telemetry import metrics as registry
from carvalue.telemetry.alert_rules import RULES, WATCHER_ALERTS
from carvalue.telemetry.objectives import OBJECTIVES

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
RUNBOOKS = "../how-to/respond-to-alerts.md"
PROVENANCE = ("commit", "date", "model", "command")
HEAD_OF_DECISION = re.compile(
    r"# (?P<number>\d{4})\. (?P<title>.+)\n\n- Date: (?P<date>\d{4}-\d\d-\d\d)\n- Status: (?P<status>.+)\n"
)
TYPES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "`True` or `False`",
    "SecretStr": "secret text, never logged",
    "Path": "path",
}
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "min_length": "length at least"}

SETTING_GROUPS = {
    "Listings": "data_source generated_data dataset kaggle_dataset kaggle_timeout_s sample_rows sample_seed",
    "Training": "training_budget training_cluster training_workers",
    "Retraining and promotion": "first_model retrain_on_alarm retrain_cooldown_h retrain_schedule "
    "parallel_tasks promotion_approval max_level_change max_worse_error max_slice_error "
    "max_coverage_deviation correct_ranges verified_sales_clients",
    "State and journal": "state_dir storage_url journal_url journal_keep_days journal_archive_url "
    "outbox_limit_mb",
    "Published versions": "bundle_url bundle_signing_key bundle_public_key unsigned_bundles",
    "Price service": "service_workers batch_limit_mb service_keys_file service_keys service_api_key "
    "rate_limit rate_burst rate_limit_redis visitor_clients cors_origins canary_share canary_clients "
    "on_full_disk otlp_url otlp_share",
    "Addresses and ports": "bind_host service_port page_port watcher_port airflow_port mlflow_port "
    "prometheus_port alertmanager_port grafana_port mlflow_tracking_uri service_url watcher_url airflow_url "
    "operator_links",
    "Alerts and logins": "alert_urls alertmanager_url alert_link_local monitoring_download model_old_days "
    "data_old_days airflow_user airflow_password",
}
"""The settings by group; one that is missing here is rendered in the last group, *Other settings*."""


def define_env(env: MacrosPlugin) -> None:
    """Register the macros; the plugin calls this once for each build."""
    for macro in (settings, commands, listing_fields, http_api, metrics, alerts, glossary, decisions):
        env.macro(macro)
    for macro in (objectives, watcher_alerts, results, measured, figure):
        env.macro(macro)


def settings() -> str:
    """Render every setting by group: description, default and accepted values."""
    parts: list[str] = []
    described = read_env_example()
    for title, names in setting_groups().items():
        parts.append(f"## {title}\n")
        for name in names:
            field = Settings.model_fields[name]
            default, comment = described[name.upper()]
            kind = _type_name(field.annotation) + _limits(field.metadata)
            fixed = "" if name.upper() in DEPLOYABLE else " On one machine only: the images decide it."
            parts += [
                f"### `{name.upper()}` {{#{name}}}\n",
                f"{' '.join((field.description or comment).split())}\n",
                f"Default: {f'`{default}`' if default else 'empty'}. Type: {kind}.{fixed}\n",
            ]
    return "\n".join(parts)


def setting_groups() -> Mapping[str, list[str]]:
    """Return the names of all settings by the title of their group."""
    groups = {title: names.split() for title, names in SETTING_GROUPS.items()}
    known = {name for names in groups.values() for name in names}
    others = [name for name in Settings.model_fields if name not in known]
    return groups | ({"Other settings": others} if others else {})


def read_env_example() -> Mapping[str, tuple[str, str]]:
    """Read `.env.example`: the default of each setting, and the comment above it or above its block."""
    described: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    is_block = False
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment = [*comment, line[1:].strip()] if not is_block else [line[1:].strip()]
            is_block = False
        elif "=" in line:
            name, _, default = line.partition("=")
            described[name] = (default, " ".join(comment))
            is_block = True
        else:
            comment, is_block = [], False
    return described


def _type_name(annotation: Any) -> str:
    choices = getattr(annotation, "__args__", ())  # of a Literal
    if choices:
        return "one of " + ", ".join(f"`{value}`" for value in choices)
    name = getattr(annotation, "__name__", str(annotation))
    return TYPES.get(name, name)


def _limits(metadata: Iterable[object]) -> str:
    found = ((text, getattr(item, name, None)) for item in metadata for name, text in LIMITS.items())
    return "".join(f", {text} {value}" for text, value in found if value is not None)


def commands() -> str:
    """Render every command of `carvalue`: description, usage, arguments and options."""
    return "\n".join(_command(command, path) for path, command in sorted(walk_commands().items()))


def walk_commands() -> dict[str, Any]:
    """Map the full name of each command, such as `keys new`, to its click command."""

    def walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for name, child in group.commands.items():
            path = f"{prefix} {name}".strip()
            if hasattr(child, "commands"):
                yield from walk(child, path)
            else:
                yield path, child

    return dict(walk(typer.main.get_command(app), ""))


def _command(command: Any, path: str) -> str:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option"]
    names = [item.metavar or item.name.upper() for item in arguments]
    words = [name if item.required else f"[{name}]" for name, item in zip(names, arguments, strict=True)]
    usage = " ".join(["carvalue", path, *(["[OPTIONS]"] if options else []), *words])
    rows = [(f"`{name}`", item.help or "", "") for name, item in zip(names, arguments, strict=True)]
    rows += [(f"`{', '.join(item.opts)}`", item.help or "", _default(item)) for item in options]
    parts = [
        f"## `carvalue {path}` {{#{path.replace(' ', '-')}}}\n",
        f"{inspect.cleandoc(command.help or '')}\n",
        f"```text\n{usage}\n```\n",
    ]
    if rows:
        parts.append(_table(("argument or option", "description", "default"), rows))
    return "\n".join(parts)


def _default(option: Any) -> str:
    value = option.default
    is_shown = value is not None and not callable(value) and not isinstance(value, bool | tuple)
    return f"`{value}`" if is_shown and str(value) and "UNSET" not in str(value) else ""


def openapi() -> Mapping[str, Any]:
    """Return the OpenAPI document of the price service."""
    return openapi_document(version("carvalue"))


def listing_fields() -> str:
    """Render each field of a listing with its type, its allowed values and its description."""
    schema = openapi()["components"]["schemas"]["Listing"]
    rows = [
        (f"`{name}`", " or ".join(field["type"]), _allowed(field), field["description"])
        for name, field in schema["properties"].items()
    ]
    return _table(("field", "type", "allowed", "description"), rows)


def _allowed(field: Mapping[str, Any]) -> str:
    if "minimum" in field:
        return f"{field['minimum']:.0f} to {field['maximum']:.0f}"
    choices = ", ".join(value for value in field.get("enum", ()) if value)
    return choices or f"at most {field['maxLength']} characters"


def http_api() -> str:
    """Render every operation of the price service: parameters, body, statuses and examples."""
    return "\n".join(
        _operation(path, method, operation)
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    anchor = f"{method}-{path.removeprefix(VERSION_PREFIX).strip('/').replace('/', '-')}"
    parts = [f"### `{method.upper()} {path}` {{#{anchor}}}\n", f"{operation['summary']}.\n"]
    parts.append(operation.get("description", "") + "\n")
    if operation.get("parameters"):
        rows = [
            (f"`{item['name']}`", item["in"], item.get("description", "")) for item in operation["parameters"]
        ]
        parts.append(_table(("parameter", "in", "description"), rows))
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        parts += ["Request body: " + ", ".join(f"`{media}`" for media in body) + ".\n", _example(body)]
    replies = operation["responses"]
    parts.append(
        _table(("status", "meaning"), [(code, reply["description"]) for code, reply in replies.items()])
    )
    shown = _example(
        next(reply for code, reply in replies.items() if code.startswith("2")).get("content", {})
    )
    return "\n".join([*parts, f"Example response:\n\n{shown}" if shown else ""])


def _example(content: Mapping[str, Any]) -> str:
    for media, description in content.items():
        named = description.get("examples", {})
        example = description.get("example") or next((item.get("value") for item in named.values()), None)
        if isinstance(example, dict | list):
            return f"```json\n{json.dumps(example, indent=1, ensure_ascii=False)}\n```\n"
        if isinstance(example, str) and "json" not in media:
            return f"```text\n{example.rstrip()}\n```\n"
    return ""


def metrics() -> str:
    """Render every Prometheus metric of the registry, by process."""
    groups = (("Price service", registry.SERVICE_METRICS), ("Watcher", registry.WATCHER_METRICS))
    parts: list[str] = []
    for title, specs in groups:
        rows = [
            (f"`{spec.name}`", spec.kind, ", ".join(f"`{label}`" for label in spec.labels), spec.help)
            for spec in sorted(specs, key=lambda spec: spec.name)
        ]
        parts += [f"### {title}\n", _table(("metric", "type", "labels", "meaning"), rows)]
    return "\n".join(parts)


def alerts() -> str:
    """Render every alert rule with its condition, its severity and a link to its runbook."""
    rows = [
        (
            f"[{rule.name}]({RUNBOOKS}#{rule.name.lower()})",
            rule.severity,
            rule.after,
            rule.summary,
            f"`{rule.query}`",
        )
        for rule in RULES
    ]
    return _table(("alert", "severity", "after", "meaning", "condition"), rows)


def objectives() -> str:
    """Render every service level objective with its target and what a good event is."""
    rows = [(f"`{item.name}`", f"{item.target:.2%}".replace("%", " %"), item.meaning) for item in OBJECTIVES]
    return _table(("objective", "target", "a good event is"), rows)


def watcher_alerts() -> str:
    """Render every alert of the watcher with its kinds and a link to its runbook."""
    names = dict.fromkeys(WATCHER_ALERTS.values())
    rows = [
        (
            f"[{name}]({RUNBOOKS}#{name.lower()})",
            ", ".join(f"`{kind}`" for kind, found in WATCHER_ALERTS.items() if found == name),
        )
        for name in names
    ]
    return _table(("alert", "kinds"), rows)


def glossary() -> str:
    """Render `reference/glossary.yml` in alphabetical order, each term with an anchor."""
    terms = yaml.safe_load((ROOT / "docs" / "reference" / "glossary.yml").read_text(encoding="utf-8"))
    parts = []
    for term in sorted(terms, key=str.casefold):
        anchor = re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")
        parts.append(f"### {term} {{#{anchor}}}\n\n{terms[term].strip()}\n")
    return "\n".join(parts)


def decisions() -> str:
    """Render the index of the architecture decision records: number, title, date and status."""
    rows = []
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        record = read_decision(path)
        rows.append((record["number"], f"[{record['title']}]({path.name})", record["date"], record["status"]))
    return _table(("number", "decision", "date", "status"), rows)


def read_decision(path: Path) -> Mapping[str, str]:
    """Read number, title, date and status of a decision record.

    Raises:
        ValueError: the record does not begin with `# NNNN. Title`, a date and a status.
    """
    found = HEAD_OF_DECISION.match(path.read_text(encoding="utf-8"))
    if not found:
        raise ValueError(f"{path.name}: expected '# NNNN. Title', '- Date: YYYY-MM-DD' and '- Status: ...'")
    return found.groupdict()


def results() -> str:
    """Render every results file: how it was measured, and its values."""
    stems = [path.stem for path in sorted(RESULTS.glob("*.json")) if read_results(path)]
    parts = [f"### {stem} {{#results-{stem}}}\n\n{measured(stem, command='')}" for stem in stems]
    return "\n".join(parts) or "This checkout has no results files."


def measured(file: str, *, command: str) -> str:
    """Render one results file: how it was measured, its single values, and a table for each list of objects.

    Args:
        file: the name of a results file, without `.json`.
        command: what writes the file; rendered where the checkout does not have it.
    """
    path = RESULTS / f"{file}.json"
    content = read_results(path) if path.exists() else {}
    if not content:
        return f"This checkout has no results file; `{command}` writes `benchmarks/results/{file}.json`."
    tables = {name: rows for name, rows in content["values"].items() if _is_table(rows)}
    single = {name: value for name, value in content["values"].items() if name not in tables}
    how = "Measured with `{command}` on {date} at commit `{commit}`. Model: {model}.\n".format_map(content)
    parts = [how]
    if single:
        parts.append(_table(("value", "measured"), [(key, _shown(value)) for key, value in _flatten(single)]))
    for rows in tables.values():
        head = list(rows[0])
        parts.append(_table(head, [[_shown(row.get(name, "")) for name in head] for row in rows]))
    return "\n".join(parts)


def figure(file: str, key: str, form: str = "{}") -> str:
    """Render one measured value, or `not measured` where the checkout does not have the results file.

    Args:
        file: the name of a results file, without `.json`.
        key: the path of the value, with dots between names.
        form: a format string, such as `{:.1%}`.

    Raises:
        KeyError: the file has no such value.
    """
    path = RESULTS / f"{file}.json"
    if not path.exists():
        return "not measured"
    values = dict(_flatten(read_results(path)["values"]))
    return form.format(values[key])


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def read_results(path: Path) -> Mapping[str, Any]:
    """Return the content of a results file; empty if it lacks its provenance or its values."""
    content = json.loads(path.read_text(encoding="utf-8"))
    is_whole = isinstance(content, dict) and {*PROVENANCE, "values"} <= content.keys()
    return content if is_whole else {}


def _flatten(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict | list):
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        for key, value in pairs:
            yield from _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, values


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ([str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)
