"""The dashboards are what Grafana's own types describe, and all panels are on the grid."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from carvalue.platform.observability.dashboards import dashboard_files
from carvalue.settings import Settings

ROOT = Path(__file__).parents[3]
TYPES = Path(__file__).with_name("grafana")
BOARDS = {Path(name).stem: board for name, board in dashboard_files(Settings()).items()}
COLUMNS = 24


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm and its registry")
def test_the_dashboards_have_the_types_of_grafana(tmp_path: Path) -> None:
    shutil.copytree(TYPES, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    for name, board in BOARDS.items():
        _write(tmp_path / f"{name}.ts", board)
    broken = json.loads(json.dumps(BOARDS["carvalue-drift"]))
    broken["panels"][1]["options"]["graphMode"] = "pie"
    _run("npm", "ci", "--no-audit", "--no-fund", cwd=tmp_path)

    assert _run("npx", "tsc", cwd=tmp_path) == ""

    _write(tmp_path / "broken.ts", broken)
    assert "broken.ts" in _run("npx", "tsc", cwd=tmp_path, code=2)


def test_the_types_are_those_of_the_grafana_in_compose() -> None:
    image = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]["image"]
    package = json.loads((TYPES / "package.json").read_text())

    assert image.split(":")[1].split("@")[0] == package["dependencies"]["@grafana/schema"]


@pytest.mark.parametrize("name", BOARDS)
def test_panels_fill_the_grid_and_do_not_overlap(name: str) -> None:
    covered: dict[tuple[int, int], str] = {}
    for panel in BOARDS[name]["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in covered, (panel["title"], covered[x, y])
                covered[x, y] = panel["title"]

    height = max(y for _, y in covered) + 1
    assert set(covered) == {(x, y) for x in range(COLUMNS) for y in range(height)}


@pytest.mark.parametrize("name", BOARDS)
def test_a_summary_comes_first(name: str) -> None:
    heading, *panels = BOARDS[name]["panels"]
    line = [panel for panel in panels if panel["gridPos"]["y"] == 1]

    assert (heading["type"], heading["title"]) == ("row", "Summary")
    assert {panel["type"] for panel in line} == {"stat"}
    assert all(panel["fieldConfig"]["defaults"]["thresholds"]["steps"] for panel in line)


@pytest.mark.parametrize("name", BOARDS)
def test_queries_use_the_variables_of_their_board(name: str) -> None:
    board = BOARDS[name]
    variables = {variable["name"] for variable in board["templating"]["list"]}
    queries = json.dumps([panel["targets"] for panel in board["panels"] if panel["type"] != "row"])

    assert {name for name in ("instance", "channel", "window") if f"${name}" in queries} == variables


@pytest.mark.parametrize("name", BOARDS)
def test_boards_link_to_each_other_the_parts_and_the_runbooks(name: str) -> None:
    links = {link["title"]: link for link in BOARDS[name]["links"]}

    assert links.keys() >= {"Dashboards", "Runbooks", "Page", "Airflow", "MLflow"}
    assert links["Dashboards"]["tags"] == BOARDS[name]["tags"]
    assert links["Airflow"]["url"] == "http://127.0.0.1:8080"
    assert [link["name"] for link in BOARDS[name]["annotations"]["list"]] == [
        *("Versions", "Retrainings", "Alerts")
    ]


def test_links_of_panels_lead_to_sections_of_the_runbook() -> None:
    runbook = (ROOT / "docs" / "how-to" / "respond-to-alerts.md").read_text()
    sections = {line[4:].lower() for line in runbook.splitlines() if line.startswith("### ")}
    links = [
        link["url"]
        for board in BOARDS.values()
        for panel in board["panels"]
        for link in panel.get("links", [])
    ]

    assert links
    assert {url.split("#")[1] for url in links} <= sections


def _write(path: Path, board: Mapping[str, Any]) -> None:
    text = json.dumps(board, indent=1)
    path.write_text(
        f"import type {{ Board }} from './schema.js';\nexport const board = {text} satisfies Board;\n"
    )


def _run(*command: str, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
