"""The documents name every command, and their links and paths lead somewhere; tests/docs checks the site."""

import re
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.architecture.docstrings import PACKAGE, checked_files

from carvalue.cli import app
from carvalue.settings import Settings

ROOT = Path(__file__).parents[2]
GUIDES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts),
]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
# a path of the repository; deploy/make_secrets.py makes deploy/secrets and deploy/settings.env
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
COMMAND = re.compile(r"(?<![\w./-])(?<!namespace )carvalue ((?:[a-z][a-z-]+ ?)(?:[^\n`|;#>&)]*))")
NAME = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`")
VENDORS = ("OTEL_", "PYSPARK_")
"""Prefixes of environment variables that other programs define."""
PATH = re.compile(r"`((?:src|tests|docs|deploy(?!/secrets|/settings\.env`)|dags|benchmarks)/[\w./-]+)`")


def test_every_command_is_in_the_documents() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    missing = [name for name in commands if not re.search(rf"(carvalue|make) {name}\b", text)]

    assert commands
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {path}"
        is_rendered = "render_macros: true" in target.read_text() if target.suffix == ".md" else True
        if anchor and not is_rendered and "docs" not in page.parts:
            assert anchor in anchors(target), f"{page.name}: {path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_of_the_repository_exists(page: Path) -> None:
    assert [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()] == []


def test_pages_that_the_program_names_exist() -> None:
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "deploy").rglob("*.*"),
        ROOT / ".env.example",
        ROOT / "compose.yaml",
    ]
    named = {
        (path.relative_to(ROOT).as_posix(), page)
        for path in files
        if path.suffix in {".py", ".tf", ".yml", ".yaml", ".example", ""}
        for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }

    assert named
    assert [item for item in named if not (ROOT / item[1]).is_file()] == []


def test_the_table_of_packages_is_that_of_the_import_contract() -> None:
    contract = ConfigParser()
    contract.read(ROOT / ".importlinter")
    layers = re.findall(r"\w+", contract["importlinter:contract:layers"]["layers"])
    text = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+`) \|", text.partition("## Packages")[2], re.MULTILINE)

    assert re.findall(r"`(\w+)`", " ".join(cells)) == layers


def test_modules_that_the_changelog_names_as_the_new_ones_exist() -> None:
    table = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("| earlier | now |")[2]
    cells = re.findall(r"^ +\| .+ \| (.+) \|$", table, re.MULTILINE)
    now = [name for cell in cells for name in re.findall(r"`([a-z_.]+)`", cell)]
    stems = {name.rpartition(".")[0] for name in now if not name.startswith(".")}

    assert now
    assert [name for name in now if not _is_module(name, stems)] == []


def test_commands_and_their_options_in_the_documents_exist() -> None:
    known = _commands(typer.main.get_command(app))
    groups = {name.partition(" ")[0] for name in known if " " in name}
    unknown = []
    for page in GUIDES:
        for command in COMMAND.findall("\n".join(CODE.findall(page.read_text(encoding="utf-8")))):
            words = command.split()
            name = " ".join(words[: 2 if words[0] in groups else 1])
            options = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
            if name not in groups and (name not in known or options - known[name]):
                unknown.append(f"{page.name}: carvalue {command}")

    assert unknown == []


def test_settings_and_constants_in_the_documents_exist() -> None:
    program = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("src", "deploy", "benchmarks", ".github")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yml", ".yaml", ".tf", ".sh", ".toml"}
    )
    defined = set(re.findall(r"[A-Z][A-Z0-9_]+", program)) | {name.upper() for name in Settings.model_fields}
    named = {(page.name, name) for page in GUIDES for name in NAME.findall(page.read_text(encoding="utf-8"))}

    assert named
    assert sorted(item for item in named if item[1] not in defined and not item[1].startswith(VENDORS)) == []


def test_docstrings_of_the_client_are_checked_and_those_of_commands_are_not() -> None:
    packages = {path.relative_to(PACKAGE).parts[0] for path in checked_files([PACKAGE])}

    assert "client" in packages
    assert "cli" not in packages


def _is_module(name: str, stems: set[str]) -> bool:
    names = [f"{stem}{name}" for stem in stems] if name.startswith(".") else [name]
    return any(find_spec(item) for item in names)


def _commands(group: Any, prefix: str = "") -> dict[str, set[str]]:
    """Map each command to its options."""
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():
        path = f"{prefix}{name}"
        if hasattr(command, "commands"):
            found |= _commands(command, f"{path} ")
        else:
            found[path] = {option for item in command.params for option in item.opts} | {"--help"}
    return found


def anchors(page: Path) -> set[str]:
    """Make GitHub's anchors of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
