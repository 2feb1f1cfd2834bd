"""The site builds strictly and offline, loads nothing from elsewhere, and no link in it is dead."""

import re

import pytest

from website import Website

PAGES_WITHOUT_TEXT = {"404.html"}


def test_it_is_built_strictly_and_without_the_internet(website: Website) -> None:
    assert len(website.pages) > 80
    assert (website.root / "search" / "search_index.js").stat().st_size > 100_000


def test_pages_load_nothing_from_other_hosts(website: Website) -> None:
    loaded = {(page.name, address) for page in website.pages.values() for address in page.loaded}

    assert [item for item in loaded if item[1].startswith(("http:", "https:", "//"))] == []


def test_every_internal_link_leads_to_a_file_and_to_an_anchor(website: Website) -> None:
    dead = []
    for page in website.pages.values():
        for name, anchor in page.links if page.name not in PAGES_WITHOUT_TEXT else ():
            target = website.pages.get(name)
            if target is None and not (website.root / name).is_file():
                dead.append(f"{page.name} -> {name}")
            elif (
                target is not None and anchor and not anchor.startswith("__") and anchor not in target.anchors
            ):
                dead.append(f"{page.name} -> {name}#{anchor}")

    assert dead == []


def test_no_page_shows_a_macro_instead_of_its_result(website: Website) -> None:
    macro = re.compile(r"\{\{ \w+\(|\{% ")  # {{ $labels }} in the meaning of an alert is Prometheus' own
    shown = [page.name for page in website.pages.values() if macro.search(page.section(""))]

    assert shown == []


def test_there_is_a_text_for_language_models(website: Website) -> None:
    index = (website.root / "llms.txt").read_text(encoding="utf-8")

    for section in ("Tutorials", "How-to guides", "Reference", "Explanation", "Benchmarks", "Decisions"):
        assert f"## {section}" in index
    assert "## Price a car over HTTP" in (website.root / "llms-full.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("heading", ["More words", "Who tells whom", "Does it pay?", "Who is thought of"])
def test_headings_name_what_a_page_contains(website: Website, heading: str) -> None:
    texts = [tag.get_text() for page in website.pages.values() for tag in page.html.select("h1, h2, h3")]

    assert [text for text in texts if heading in text] == []
