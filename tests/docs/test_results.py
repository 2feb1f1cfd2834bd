"""Figures of the documentation come from results files; pages render with and without them."""

import re
import sys
from pathlib import Path

import pytest
from benchmarks import results
from jinja2 import Environment, StrictUndefined

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import macros  # noqa: E402

PAGES = sorted((ROOT / "docs" / "benchmarks").glob("*.md"))
GUIDES = [ROOT / "README.md", ROOT / "docs" / "index.md"] + [
    path for folder in ("tutorials", "how-to") for path in sorted((ROOT / "docs" / folder).glob("*.md"))
]
FILES = sorted(
    {name for page in [*PAGES, *GUIDES] for name in re.findall(r'measured\("(\w+)"', page.read_text())}
)
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
MEASURED = re.compile(
    r"\d\.\d+ ?%"  # an error or a share
    r"|\d ?(?:us|µs|ms)\b"
    r"|\d (?:quotes|requests|rows)(?:/s| per second| a second)"
)
TARGETS = re.compile(r"^Targets?:.*?(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
VALUES = {"load ms": 48.1, "us": {"quote": 1234.5}, "rows": [{"clients": 16, "p50 ms": 1.5}]}


def rendered(page: Path) -> str:
    """Render the macros of a page as the site does."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701  # Markdown
    environment.globals |= {
        "results": macros.results,
        "measured": macros.measured,
        "figure": macros.figure,
    }
    return environment.from_string(page.read_text(encoding="utf-8")).render()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_benchmark_page_contains_no_typed_measurement_or_names_its_commit(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    typed = [line for line in CODE.sub("", TARGETS.sub("", text)).splitlines() if MEASURED.search(line)]

    assert typed == [] or "measured at commit c39dd51" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_renders_without_results_files(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macros, "RESULTS", tmp_path)

    text = rendered(page)

    assert text.count("This checkout has no results file") == page.read_text().count("{{ ")
    assert "{{" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_renders_the_values_with_command_commit_and_model(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macros, "RESULTS", tmp_path)
    for name in FILES:
        results.save(name, VALUES, command="make bench-x", model="sample, 49 trees", folder=tmp_path)

    text = rendered(page)

    assert "no results file" not in text
    if "{{ " in page.read_text():
        assert f"`make bench-x` on {macros.read_results(tmp_path / 'batch.json')['date']}" in text
        assert results.current_commit() in text
        assert "Model: sample, 49 trees." in text
        assert "| us.quote | 1,234.5 |" in text
        assert "| clients | p50 ms |\n| --- | --- |\n| 16 | 1.5 |" in text


def test_a_figure_in_the_text_is_optional_but_its_name_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macros, "RESULTS", tmp_path)
    assert macros.figure("quote", "us.quote") == "not measured"

    results.save("quote", VALUES, command="make", model="m", folder=tmp_path)

    assert macros.figure("quote", "us.quote", "{:,.0f} us") == "1,234 us"
    with pytest.raises(KeyError):
        macros.figure("quote", "us.unknown")


@pytest.mark.parametrize("path", sorted(macros.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_results_name_the_commit_they_were_measured_at(path: Path) -> None:
    content = macros.read_results(path)

    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", content["commit"])
    assert content["values"]
    assert path.stem in FILES


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_links_measured_figures_instead_of_repeating_them(guide: Path) -> None:
    text = CODE.sub("", guide.read_text(encoding="utf-8"))

    assert [line for line in text.splitlines() if MEASURED.search(line)] == []
