"""The documents name every command, and their links and paths lead somewhere; tests/docs checks the site."""

import re
from pathlib import Path

import pytest
import typer

from carvalue.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
# a path of the repository; deploy/make_secrets.py makes deploy/secrets and deploy/settings.env
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


def anchors(page: Path) -> set[str]:
    """Make GitHub's anchors of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
