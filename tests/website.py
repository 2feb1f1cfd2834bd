"""A built documentation site, as its readers meet it: pages, anchors, links."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

FRONT = "index.html"


@dataclass(frozen=True)
class Page:
    """One HTML page of the site."""

    name: str
    path: Path

    @cached_property
    def html(self) -> BeautifulSoup:
        """The parsed page; most tests look at a few of the pages."""
        return BeautifulSoup(self.path.read_text(encoding="utf-8"), "html.parser")

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Every id that a link may point to."""
        return frozenset(str(tag["id"]) for tag in self.html.find_all(id=True))

    @cached_property
    def links(self) -> frozenset[tuple[str, str]]:
        """Every internal link of the whole page, as (page, anchor)."""
        return frozenset(self._links(self.html))

    @cached_property
    def content_links(self) -> frozenset[tuple[str, str]]:
        """Internal links of the text and of the page's table of contents, without the navigation."""
        parts = self.html.select("article, .md-nav--secondary")
        return frozenset(link for part in parts for link in self._links(part))

    @cached_property
    def loaded(self) -> list[str]:
        """Addresses that a browser fetches by itself: scripts, styles, icons and images."""
        scripts = [tag["src"] for tag in self.html.select("script[src], img[src], iframe[src]")]
        styles = [
            tag["href"]
            for tag in self.html.select("link[rel~=stylesheet], link[rel~=icon], link[rel~=preconnect]")
        ]
        return [str(address) for address in (*scripts, *styles)]

    def section(self, anchor: str) -> str:
        """Return the text below the heading with this id, or of the whole page without one."""
        start = self.html.find(id=anchor) if anchor else None
        if not isinstance(start, Tag):
            return self._text(self.html.find("article"))
        parts = [start.get_text(" ")]
        for sibling in start.find_next_siblings():
            if sibling.name and sibling.name[0] == "h" and sibling.name <= (start.name or ""):
                break
            parts.append(sibling.get_text(" "))
        return " ".join(" ".join(parts).split())

    def _links(self, part: Tag) -> set[tuple[str, str]]:
        found = set()
        for tag in part.find_all("a", href=True):
            address = urlsplit(str(tag["href"]))
            if not address.scheme and not address.netloc:
                target = (
                    (Path("/") / self.name).parent / unquote(address.path)
                    if address.path
                    else Path("/") / self.name
                )
                name = Path(*_normalized(target.parts))
                found.add((str(name), unquote(address.fragment)))
        return found

    @staticmethod
    def _text(tag: object) -> str:
        return " ".join(tag.get_text(" ").split()) if isinstance(tag, Tag) else ""


def _normalized(parts: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept.pop()
        elif part not in {"/", "."}:
            kept.append(part)
    return kept


class Website:
    """The folder of a built site."""

    def __init__(self, root: Path) -> None:
        self.root = root
        names = {path: str(path.relative_to(root)) for path in sorted(root.rglob("*.html"))}
        self.pages = {name: Page(name, path) for path, name in names.items()}

    @cached_property
    def within_two_clicks(self) -> dict[tuple[str, str], int]:
        """Map each (page, anchor) that two links of texts or contents reach to their number."""
        first = self.pages[FRONT].content_links
        reached = {(FRONT, ""): 0} | dict.fromkeys(first, 1)
        for name in {name for name, _ in first} & self.pages.keys():
            for link in self.pages[name].content_links:
                reached.setdefault(link, 2)
        return reached
