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

PAGES = [*sorted((ROOT / "docs" / "benchmarks").glob("*.md")), ROOT / "docs" / "reference" / "data.md"]
GUIDES = [ROOT / "README.md", ROOT / "docs" / "index.md"] + [
    path
    for folder in ("tutorials", "how-to", "reference", "explanation")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
]
FIGURES = {
    found
    for page in [*PAGES, *GUIDES]
    for found in re.findall(r'figure\("(\w+)", "([^"]+)"', page.read_text(encoding="utf-8"))
}
FILES = sorted(
    {
        name
        for page in [*PAGES, *GUIDES]
        for name in re.findall(r'measured\("(\w+)"', page.read_text(encoding="utf-8"))
    }
)
CODE = re.compile(r"```.*?```|`[^`]*`|\{\{.*?\}\}", re.DOTALL)
MEASURED = re.compile(
    r"\d+\.\d+ ?%"  # an error
    r"|\d ?(?:us|µs|ms|nats)\b"
    r"|\d (?:quotes|requests|rows)(?:/s| per second| a second)"
    r"|(?P<share>\b\d+) ?%"
    r"|(?P<count>\b\d{1,3}(?:,\d{3})*,\d(?:\d[1-9]|[1-9]\d)\b)"  # limits are round
)
LIMITS = {
    "share": {*"125", "10", "15", "25", "30", "60", "70", "80", "85", "90", "95"},
    "count": {"4,096", "20,001", "86,400"},
}
"""Numbers of limits, confidence levels and definitions, which are not measured."""
LEVELS = ("99.5 %", "99.9 %")
TARGETS = re.compile(r"^Targets?:.*?(?:\n\n|\Z)|at most \d+ ms", re.MULTILINE | re.DOTALL)
VALUES = {"load ms": 48.1, "us": {"quote": 1234.5}, "rows": [{"clients": 16, "p50 ms": 1.5}]}


def typed_measurements(text: str) -> list[str]:
    """List the numbers of a page that look measured and are not rendered from a results file."""
    found = MEASURED.finditer(CODE.sub("", TARGETS.sub("", text)))
    return [
        match.group()
        for match in found
        if match.group() not in LEVELS and not any(match[kind] in numbers for kind, numbers in LIMITS.items())
    ]


def rendered(page: Path) -> str:
    """Render the macros of a page as the site does."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701  # Markdown
    environment.globals |= {
        "results": macros.results,
        "measured": macros.measured,
        "figure": macros.figure,
    }
    return environment.from_string(page.read_text(encoding="utf-8")).render()


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=lambda page: page.stem)
def test_a_page_contains_no_typed_measurement(page: Path) -> None:
    assert typed_measurements(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "An error of 12.4 %.",
        "It has 22 % of the rows.",
        "| kept | 278,763 |",
        "8,401 re-posts",
        "0.22 nats",
        "A quote takes 3 ms.",
        "800 quotes/s",
    ],
)
def test_a_typed_measurement_is_found(text: str) -> None:
    assert typed_measurements(text)


@pytest.mark.parametrize("text", ["a 90 % range", "1,000 to 100,000 dollars", "`8,401`", "Target: 11.8 %."])
def test_limits_and_examples_are_not_measurements(text: str) -> None:
    assert typed_measurements(text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_renders_without_results_files(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macros, "RESULTS", tmp_path)

    text = rendered(page)

    tables = re.findall(r"\{\{ (?:measured|results)\(", page.read_text(encoding="utf-8"))
    assert text.count("This checkout has no results file") == len(tables)
    assert "{{" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_renders_the_values_with_command_commit_and_model(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(macros, "RESULTS", tmp_path)
    for name in FILES:
        values = VALUES | {key: 1.5 for file, key in FIGURES if file == name}
        results.save(name, values, command="make bench-x", model="sample, 49 trees", folder=tmp_path)

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
def test_results_name_the_clean_commit_that_measured_them(path: Path) -> None:
    content = macros.read_results(path)

    assert re.fullmatch(r"[0-9a-f]{40}", content["commit"])
    assert content["values"]
    assert path.stem in FILES


def test_results_of_another_commit_are_found(tmp_path: Path) -> None:
    results.save("quote", VALUES, command="make", model="m", folder=tmp_path)
    commit = results.current_commit()

    assert results.measured_elsewhere(["quote", "missing"], commit=commit, folder=tmp_path) == {}
    assert results.measured_elsewhere(["quote"], commit="a" * 40, folder=tmp_path) == {"quote": commit}
